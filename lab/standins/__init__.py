"""Small servers that stand in for ones that a machine lacks, and keep to the documented behaviour of the originals."""
