"""Shape and dtype checks for public array functions, free at run time."""

import beartype
import jaxtyping

# A wrong rank, axis or dtype is an error while tracing; compiled code never
# sees the check.
typed = jaxtyping.jaxtyped(typechecker=beartype.beartype)
