"""What is read of a page, what agrees with an output, and what of the book a machine can check without a server."""

import pathlib
import re
import tempfile
import unittest

import book

PAGE = """# Title

```sh
echo 1
```

```output
1
```

~ prose

```
forebay not run
```

```sh server
forebay serve --data data
```

````sh exit=6
cat <<'END'
```
END
````

```sh norun
true
```
"""


class Pages(unittest.TestCase):
    def test_blocks_have_their_marks_and_their_output(self):
        told = [(one.line, one.text, one.output, one.runs, one.serves, one.exit) for one in book.blocks(PAGE)]
        self.assertEqual(
            told,
            [
                (3, "echo 1\n", "1\n", True, False, 0),
                (17, "forebay serve --data data\n", None, True, True, 0),
                (21, "cat <<'END'\n```\nEND\n", None, True, False, 6),
                (27, "true\n", None, False, False, 0),
            ],
        )

    def test_what_is_not_known_is_said(self):
        for page, said in [
            ("```sh norum\n```", "norum is not known"),
            ("```output\n1\n```", "no block has this output"),
            ("```sh\n```\n```output\n```\n```output\n```", "no block has this output"),
            ("text\n```sh\nopen", "line 2: the block is not closed"),
        ]:
            with self.subTest(page), self.assertRaisesRegex(ValueError, said):
                book.blocks(page)

    def test_output_agrees_but_for_blanks_and_what_is_left_open(self):
        for expected, printed, agrees in [
            ("a  b\n", "  a b  \n\n", True),
            ("a\n", "a\nb\n", False),
            ("a\n…\n", "a\nb\nc\n", True),
            ("a\n…\n", "a\n", True),
            ("…\nz\n", "a\nz\n", True),
            ("…\nz\n", "a\n", False),
            ("done in … 7 rows\n", "done in 3 s  7 rows\n", True),
            ("done in … 7 rows\n", "done in 3 s\n7 rows\n", False),
            ("1.5\n", "1x5\n", False),
        ]:
            with self.subTest(expected=expected, printed=printed):
                self.assertIs(book.agrees(expected, printed), agrees)

    def test_a_page_becomes_one_script(self):
        made = book.script(book.blocks(PAGE), "/said", {at: at.replace("8787", "1287") for at in book.PORTS})
        self.assertTrue(made.startswith("set -eu -o pipefail\n"))
        self.assertIn("exec >/said/0.out 2>/said/0.err </dev/null\necho 1\n", made)
        self.assertIn("forebay serve --data data &\nuntil curl -sf http://127.0.0.1:1287/health", made)
        self.assertIn("END\n); book_exit=$?; set -e; [ $book_exit = 6 ]\n", made)
        self.assertNotIn("\ntrue\n", made)


class Running(unittest.TestCase):
    """Pages with a server of their own, so that none is started."""

    def check(self, text, wrong):
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder, "page.md")
            page.write_text("```sh server\nsleep 600\n```\n" + text)
            said, count = book.run(str(page), pathlib.Path("/bin/true"))
        self.assertGreater(count, 1)
        if wrong is None:
            self.assertIsNone(said)
        else:
            self.assertIn(wrong, said or "nothing")

    def test_a_page_that_does_what_it_says(self):
        self.check("```sh\nx=1; forebay\n```\n```sh\necho $x; echo $HOME >&2\n```\n```output\n1\n```", None)
        self.check("```sh exit=6\nexit 6\n```\n```sh\necho on\n```", None)

    def test_the_first_block_that_does_not(self):
        self.check("```sh\ntrue\n```\n```sh\nfalse\necho on\n```", "page.md:7 did not end well")
        self.check("```sh\nfalse | true\n```", "did not end well")
        self.check("```sh\necho $nothing\n```", "nothing: unbound variable")
        self.check("```sh\necho 2\n```\n```output\n1\n```", "page.md:4 printed something else")
        self.check("```sh exit=6\ntrue\n```", "did not end well")
        self.check("```sh exit=6\nfalse\nexit 6\n```", "did not end well")


class Table(unittest.TestCase):
    def test_keys_have_their_section_their_default_and_their_words(self):
        made = book.table('# Head.\n\n[run]\n# How\n# much, a|b.\nmemory = 256\n')
        self.assertEqual(made, "### run\n\n| key | default | |\n|---|---|---|\n| `run.memory` | `256` | How much, a\\|b. |\n")


class TheBook(unittest.TestCase):
    def test_every_page_can_be_read_and_few_examples_are_not_run(self):
        left = {}
        for name in book.pages():
            read = book.blocks((book.ROOT / name).read_text())
            left[name] = sum(not one.runs for one in read)
        self.assertLessEqual(sum(left.values()), 5, left)

    def test_shell_blocks_are_marked(self):
        for name in book.pages():
            for line, fence in enumerate((book.ROOT / name).read_text().splitlines(), 1):
                self.assertIsNone(re.match(r"```(bash|shell|console)\b", fence), f"{name}:{line}: say sh")

    def test_the_configuration_is_that_of_the_program(self):
        self.assertTrue(book.keys(write=False), "scripts/book.py keys --write")

    def test_links_of_the_ui_into_the_book_lead_somewhere(self):
        made = {"api.html", "errors.html", "mapping.html", "sources.html", "compat.html"}
        for path in (book.ROOT / "ui/src").rglob("*.ts*"):
            for page, anchor in re.findall(r"/docs/([\w/-]+\.html)(?:#([\w-]+))?", path.read_text()):
                if page in made:
                    continue
                source = book.BOOK / page.replace(".html", ".md")
                self.assertTrue(source.is_file(), f"{path}: {page}")
                heads = [re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-")
                         for head in re.findall(r"^#+ (.*)$", source.read_text(), re.M)]
                self.assertTrue(not anchor or anchor in heads, f"{path}: {page}#{anchor}")

    def test_links_among_files_lead_somewhere(self):
        for name in ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"]:
            for link in re.findall(r"(?<!!)\[[^]]*\]\((?!https?:)([^)#]+)", (book.ROOT / name).read_text()):
                self.assertTrue((book.ROOT / link).exists(), f"{name}: {link}")


if __name__ == "__main__":
    unittest.main()
