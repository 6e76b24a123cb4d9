"""Render the codebook: guidelines for annotators, and Label Studio's labelling configuration.

`guidelines` renders the guidelines and the cheat sheet as Markdown, and converts the guidelines to HTML. `label_config`
renders the configuration, and `label_style.css` has its styles.
"""

from .guidelines import guidelines_html, render_cheat_sheet, render_guidelines
from .label_config import render_label_config, typed_in

__all__ = ["guidelines_html", "render_cheat_sheet", "render_guidelines", "render_label_config", "typed_in"]
