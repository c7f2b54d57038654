"""What the docstrings below a class's attributes say, read from its source."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap


def attribute_docstrings(cls: type) -> dict[str, str]:
    """Attribute → the docstring below it, of this class alone, without its parents.

    Raises:
        OSError: its source is not at hand.
    """
    module = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    body = module.body[0].body if isinstance(module.body[0], ast.ClassDef) else []
    found = {}
    for attribute, below in itertools.pairwise(body):
        match attribute, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found
