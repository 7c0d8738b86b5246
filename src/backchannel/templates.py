"""A room's templates of HTML pages: `templates/NAME` beside its modules.

What is filled in is escaped unless it is Markup, and a name that nobody filled in is an error.
"""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup


def template(package: str, name: str, **filters: Any) -> Template:
    """Return a template of *package*, which may use *filters* besides Jinja's own."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment.get_template(name)


def style(package: str, name: str) -> Markup:
    """Return a style sheet of *package*, to stand in a page as it is."""
    return Markup(files(package).joinpath("templates", name).read_text("utf-8"))  # noqa: S704 - our own file
