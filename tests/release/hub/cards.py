"""What a hub reads of a dataset card: the YAML that it begins with."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml


def card_data(text: str) -> dict[str, Any] | None:
    """The YAML that a card begins with. Raises YAMLError and ValueError where it is none."""
    found = re.match(r"---\s*\n(.*?)\n---\s*(?:\n|$)", text, re.DOTALL)
    if not found:
        return None
    data = yaml.safe_load(found[1])
    if not isinstance(data, dict):
        raise ValueError("the metadata is no mapping")
    return json.loads(json.dumps(data, default=str))  # dates become text


def card_problems(text: str) -> list[str]:
    """What the hub finds wrong with a card's YAML; a small part of what the real one looks at."""
    try:
        data = card_data(text) or {}
    except (yaml.YAMLError, ValueError) as caught:
        return [f"YAML Metadata Error: {str(caught).splitlines()[0]}"]
    wrong = [key for key in ("pretty_name", "viewer_note") if not isinstance(data.get(key, ""), str)]
    wrong += [key for key in ("license", "language", "tags") if not _texts(data.get(key, []))]
    problems = [f'"{key}" must be text' for key in wrong]
    for config in data.get("configs", []):
        if not isinstance(config, dict) or not isinstance(config.get("config_name"), str):
            problems.append('"configs[]" must have a "config_name"')
    return problems


def _texts(value: Any) -> bool:
    return all(isinstance(one, str) for one in (value if isinstance(value, list) else [value]))
