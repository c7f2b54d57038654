"""Small servers that stand in for ones that a machine may lack. Each keeps to the documented behaviour of the original."""
