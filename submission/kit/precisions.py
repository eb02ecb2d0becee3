"""How exactly the weights of a shipped net are kept."""

FLOAT32, FLOAT16, INT8 = "float32", "float16", "int8"
PRECISIONS = (FLOAT32, FLOAT16, INT8)
"""From exact to small; what runs computes in float32 in any case, but for the interpreter with int8."""
