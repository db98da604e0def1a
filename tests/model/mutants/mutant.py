# SPDX-License-Identifier: MIT
"""One fault to put into the runtime, and what must tell it apart. Read by script/mutants.

M(name, file, old, new, by): `old` stands exactly once in runtime/FILE (detail/fork.h: in include/filch), but for white
space and comments, and becomes `new`. `by` are the models that may kill it, in the order in which they are tried, with
options of the checker behind the name where the model's own bounds do not suffice.
story: the bug as it has happened to others. equivalent: why nothing can tell it apart; then `by` must not."""
from collections import namedtuple

M = namedtuple("M", "name file old new by story equivalent", defaults=("", ""))
