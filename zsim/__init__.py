"""zsim: a z/OS network-security stack on a laptop.

import zsim

system = zsim.load("adcd")
print(system.shell("ipsec -f display -c current").text)
system.analyse(), system.why("icmp 10.1.0.2 > 10.1.1.2"), system.compare("mysys")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zsim.loaded import Loaded as Loaded
    from zsim.system import System as System

__version__ = "0.1.0"
__all__ = ["Loaded", "System", "__version__", "load"]


def load(name: str = "adcd") -> Loaded:
    """A bundled system, or the one in a folder, with every task started. Nothing is written anywhere.

    Raises zsim.profiles.ProfileError, a ValueError."""
    from zsim import profiles, store
    from zsim.loaded import Loaded

    return Loaded.of(store.started(profiles.open_system(profiles.find(name))))


def __getattr__(name: str) -> Any:
    """Import these when they are asked for (PEP 562): a command line need not wait for them to say what it takes."""
    if name == "Loaded":
        from zsim.loaded import Loaded

        return Loaded
    if name == "System":
        from zsim.system import System

        return System
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
