import builtins

from credman.api import add as add
from credman.api import check as check
from credman.api import env as env
from credman.api import get as get
from credman.api import load as load
from credman.api import remove as remove
from credman.api import runtime as runtime
from credman.api import which as which
from credman.api.opening import CredmanWarning as CredmanWarning
from credman.api.results import Info
from credman.core.errors import CredmanError as CredmanError
from credman.core.errors import Locked as Locked
from credman.core.errors import NotFound as NotFound
from credman.core.errors import Refused as Refused
from credman.core.secret import Secret as Secret

__all__: builtins.list[str]
__version__: str

def list(*, env: str | None = None, profile: str | None = None) -> builtins.list[Info]: ...
