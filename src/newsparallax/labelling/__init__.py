"""Exchange of tasks and annotations with Label Studio servers.

`server` and `home` run a local server. `projects` configures projects, `pushing` sends tasks, `pulling` fetches
annotations, `prelabel` makes predictions, `adjudication` sends disputed articles, and `people` maps server accounts to
annotators.
"""

from . import server
from .adjudication import send_reviews
from .client import Studio, connect
from .home import Account, exchanging, home_of
from .people import FILE
from .pulling import pull, split_exports
from .pushing import Delivered, Source, push

__all__ = [
    "FILE",
    "Account",
    "Delivered",
    "Source",
    "Studio",
    "connect",
    "exchanging",
    "home_of",
    "pull",
    "push",
    "send_reviews",
    "server",
    "split_exports",
]
