from ._attachable import FORMS as FORMS
from ._attachable import Form as Form
from ._attachable import attachable as attachable
from ._convert import TARGETS as TARGETS
from ._convert import Converted as Converted
from ._convert import Target as Target
from ._convert import convert as convert
from ._convert import demand_number as demand_number

__all__: list[str]
