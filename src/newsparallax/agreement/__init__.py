"""Measure the agreement of annotators.

`matching` aligns the spans of two annotators. `compare` compares their labels, values and relations. `counts` adds up
the results. `measures` computes F1, Krippendorff's alpha and Cohen's kappa with intervals. `report` collects the
measures, and `markdown` shows them as tables. `disputes` lists the places where two annotators differ.
`json_types` describes the JSON output.
"""

from .compare import compare_article, count_article
from .counts import Agreement
from .disputes import Record, article_disputes
from .json_types import AgreementReport
from .markdown import (
    BRACKETS,
    NO_PAIRS,
    agreement_block,
    group_sample,
    group_tables,
    group_title,
    guidelines_block,
    notes,
)
from .matching import Sides, match_spans, pair_up
from .report import MAX_LISTED, Metrics, figures

__all__ = [
    "BRACKETS",
    "MAX_LISTED",
    "NO_PAIRS",
    "Agreement",
    "AgreementReport",
    "Metrics",
    "Record",
    "Sides",
    "agreement_block",
    "article_disputes",
    "compare_article",
    "count_article",
    "figures",
    "group_sample",
    "group_tables",
    "group_title",
    "guidelines_block",
    "match_spans",
    "notes",
    "pair_up",
]
