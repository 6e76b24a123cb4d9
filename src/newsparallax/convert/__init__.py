"""Convert the tasks of one article to spans, attribute values, gold, problems, and the rows of every config.

`grouping` assigns tasks to articles. `locate` checks offsets. `regions` and `annotation` make spans. `values` checks
attribute values. `gold` chooses the gold annotation. `checks` reports problems. `span_tables`, `article_rows`
and `corpus_rows` make tables. No module uses a file, the network, the clock or the environment.
"""

from .article import Conversion, RawTask, convert_article
from .article_rows import Rows, redistributable
from .corpus_rows import corpus_tables
from .grouping import Unit, article_of, index_tasks, root_id, subject_of, unit_tasks, with_clashes
from .locate import Located, locate_span
from .model import ConvertedAnnotation, Span
from .people import age, newest_of_each

__all__ = [
    "Conversion",
    "ConvertedAnnotation",
    "Located",
    "RawTask",
    "Rows",
    "Span",
    "Unit",
    "age",
    "article_of",
    "convert_article",
    "corpus_tables",
    "index_tasks",
    "locate_span",
    "newest_of_each",
    "redistributable",
    "root_id",
    "subject_of",
    "unit_tasks",
    "with_clashes",
]
