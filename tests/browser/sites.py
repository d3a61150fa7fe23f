"""`litho serve` and `litho fake-model`, as processes of their own that can be killed."""

import http.client
import json
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from types import TracebackType
from typing import Any, Self

from tests.commands import Litho, until

from lithograph.demo import DOCUMENT, ONTOLOGY

DEMO_TEXT, DEMO_ONTOLOGY = DOCUMENT, ONTOLOGY
