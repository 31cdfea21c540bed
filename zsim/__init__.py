"""zsim: a z/OS network-security stack on a laptop.

import zsim

system = zsim.load("adcd")
print(system.shell("ipsec -f display -c current").text)
system.analyse(), system.why("icmp 10.1.0.2 > 10.1.1.2"), system.compare("mysys")
"""

from zsim.loaded import Loaded
from zsim.system import System

__version__ = "0.1.0"
__all__ = ["Loaded", "System", "__version__", "load"]


def load(name: str = "adcd") -> Loaded:
    """A bundled system, or the one in a folder, with every task started. Nothing is written anywhere.

    Raises zsim.profiles.ProfileError, a ValueError."""
    from zsim import profiles, store

    return Loaded.of(store.started(profiles.open_system(profiles.find(name))))
