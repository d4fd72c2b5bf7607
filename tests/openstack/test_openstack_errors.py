"""How answers, and the lack of one, become errors of the domain; and how the session with Keystone is kept."""

from __future__ import annotations


