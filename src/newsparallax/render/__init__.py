"""Render the codebook: guidelines for annotators, and Label Studio's labelling configuration.

`guidelines` renders Markdown, `guidelines_page` converts it to HTML. `cheat_sheet` renders one page of labels and keys.
`label_config` renders the configuration, and `label_style.css` has its styles.
"""

from .cheat_sheet import render_cheat_sheet
from .guidelines import render_guidelines
from .guidelines_page import guidelines_html
from .label_config import render_label_config, typed_in

__all__ = ["guidelines_html", "render_cheat_sheet", "render_guidelines", "render_label_config", "typed_in"]
