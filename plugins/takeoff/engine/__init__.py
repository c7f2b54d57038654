"""The procedure of an operation, made of ``core``, ``fleet`` and ``clients``; the DAGs and the command both call it."""
