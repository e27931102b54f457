import json
import re
import unittest

from jinja2 import Undefined

from ..chats.rendering import Renderer, _attributes
from . import packages


class Attributes(unittest.TestCase):
    """What a template reads of an object is what Jinja's sandbox gives it."""

    def test_of_all_that_templates_read(self):
        from transformers.utils.chat_template_utils import _compile_jinja_template

        environment = _compile_jinja_template("{{ messages }} ").environment
        seen: list = []
        environment.globals["see"] = seen.append
        environment.from_string("{% for m in ['a', 'b'] %}{{ see(loop) }}{% endfor %}{% set ns = namespace(x='b', format=1) %}{{ see(ns) }}").render()
        sandboxed, quick = type(environment).getattr, _attributes(environment)
        for of in ("text", {"content": "a", "items": 1, "pop": 2}, ["a"], *seen, 1, None, len, str, "".format, environment):
            for name in [*dir(of), *dir(str), *dir(dict), "content", "x", "format", "length", "index0", "mro", "gi_frame", "nothing"]:
                with self.subTest(of=type(of), name=name):
                    for _ in range(2):  # It keeps what it found.
                        self.assertEqual(told_of(quick(of, name)), told_of(sandboxed(environment, of, name)))

    def test_nothing_is_changed_by_a_template(self):
        for source in ("{{ messages.append(1) }}", "{{ messages[0].update(a=1) }}", "{{ messages[0].__class__.__mro__ }}", "{{ '{0.__class__.__mro__}'.format(1) }}"):
            with self.subTest(source), self.assertRaisesRegex(Exception, "unsafe|undefined"):
                Renderer(packages.with_template(source)).render([{"role": "user", "content": "a"}])


class Json(unittest.TestCase):
    """The JSON of a value is made once, and is that of no other."""

    def test_of_each_value_as_it_is_asked_for(self):
        renderer = Renderer(packages.with_template("{{ messages[0] | tojson }}{{ messages[0] | tojson(indent=1) }}{{ messages[0].content | tojson }}"))
        for _ in range(2):
            for number in range(600):
                message = {"role": "user", "content": f"{number} é"}
                self.assertEqual(renderer.render([message]), "".join(json.dumps(of, ensure_ascii=False, indent=indent) for of, indent in ((message, None), (message, 1), (message["content"], None))))


def told_of(value) -> str:
    """What it is, without where it lies in memory."""
    return value._undefined_message if isinstance(value, Undefined) else re.sub(r" at 0x\w+", "", f"{type(value)} {value}")


if __name__ == "__main__":
    unittest.main()
