"""Texts on which tokenizers disagree: scripts, emoji, code, white space, numbers, bytes that no word has."""

_PLAIN = """Hello, world!
 leading space
  two leading spaces
trailing space 
The quick brown fox jumps over the lazy dog.
I'm, you're, he'd, we've, it's, don't
ALL CAPS AND lower AND MiXeD
snake_case camelCase PascalCase SCREAMING_CASE kebab-case
e-mail: someone@example.com, https://example.com/a?b=c&d=%20#frag
3.14159 1,000,000 1e-9 0x1F 1234567890123456789 007
2026-11-21T10:20:30Z
$5.00 €7,50 £3 ¥100 ₹42
a+b=c; x^2-y^2=(x-y)(x+y)
∑∫√π≈3.14 ∀x∈ℝ ∃y: x≤y
fn main() { println!("{}", 1 + 1); }
for (int i = 0; i < n; ++i) { a[i] *= 2; }
SELECT * FROM users WHERE id = 1; -- comment
<html><body><p>Hi</p></body></html>
<table><tr><td>1</td></tr></table>
<div class="x">text</div>
<b>bold</b> <i>it</i> <u>u</u> <s>strike
{"a": [1, 2, {"b": null}], "c": "d\\n"}
# Title
* item **bold** _it_ `code`
naïve café résumé Zürich Ärger Straße
Que será, será. ¿Dónde está? ¡Aquí!
Привет, как дела? Съешь же ещё этих мягких французских булок.
Γειά σου Κόσμε
שלום עולם
مرحبا بالعالم
नमस्ते दुनिया
বাংলা ভাষা
தமிழ் மொழி
ภาษาไทยไม่มีช่องว่าง
你好，世界。今天天气很好。
こんにちは世界、カタカナとひらがな
안녕하세요 세계
Tiếng Việt có dấu
İstanbul'da ıslak ışık
የአማርኛ ጽሑፍ
ქართული ენა
Հայերեն
🙂 😀😁 👍🏽 👨‍👩‍👧‍👦 🇩🇪🇫🇷 🏳️‍🌈
text with 🦀 in the middle🦀s
é (decomposed) é (composed)
ﬁ ligature ﬀ Ⅳ ① ² ½
zero​width‌joiner‍and﻿bom
soft­hyphen non breaking space thin space
𝓕𝓪𝓷𝓬𝔂 𝕿𝖊𝖝𝖙 𝟙𝟚𝟛
𐍈𐌰𐌽 𒀀𒀁 𓀀𓀁
꧁༒༻ ✧･ﾟ ᕕ( ᐛ )ᕗ
(╯°□°）╯︵ ┻━┻
‮right to left override
a▁b ▁c ▁▁d
<0x41> <0x0A> <unk> <pad>
<bos><eos><start_of_turn>user<end_of_turn>
<start_of_image><end_of_image>[multimodal]
<unused0> <mask>
!!!???...,,,;;;:::
-----=====_____*****
((((((()))))))[[[[]]]]{{{{}}}}
\\\\n\\t\\\\ \\u0041
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
abababababababababababababababababab
hahahahahaha lololololol
supercalifragilisticexpialidocious antidisestablishmentarianism
Donaudampfschifffahrtsgesellschaftskapitän
pneumonoultramicroscopicsilicovolcanoconiosis
Lopadotemachoselachogaleokranioleipsanodrimhypotrimmatosilphio
x
.
0
é
你
🙂
the
 the
The"""

_SPACED = [
    "",
    " ",
    "  ",
    "   ",
    " " * 15,
    " " * 16,
    " " * 31,
    " " * 32,
    " " * 33,
    " " * 70,
    "a  b",
    "a   b    c     d",
    "a" + " " * 40 + "b",
    "\n",
    "\n\n",
    "\n" * 31,
    "\n" * 32,
    "\n" * 65,
    "a\nb",
    "a\n\nb\n\n\nc",
    "a \n b",
    "a  \n  b",
    "\t",
    "\t\t\ta",
    "\t" * 31,
    "\t" * 32,
    "\t" * 40,
    "a\tb\t\tc",
    " \t \n \t ",
    "\r\n",
    "line one\r\nline two\r\n",
    "def f(x):\n    if x:\n        return 1\n\treturn 2\n",
    "\x00",
    "a\x00b\x01c\x7f",
    "\x1b[31mred\x1b[0m",
    "\u2028line\u2029separators",
    "\ufffd\ufffe\uffff",
    "\U0010ffff",
    "\ue000 private",
    "tail\n",
    "tail ",
    "tail  ",
]

_WORDS = ["energy", "Paris", "Größe", "数", "🦀", "x1", "don't", "3.5", "<b>", "\n", "  ", "\t", "▁", "ё", "\u0301", "_"]


def _mixed():
    """Every word beside others, glued and spaced, so that merges meet at the seams."""
    for index, word in enumerate(_WORDS):
        for step in (1, 3, 5, 7, 9):
            other = _WORDS[(index + step) % len(_WORDS)]
            yield f"{word}{other}" if step % 4 == 1 else f"{word} {other} {word}"


def _digits():
    for width in range(1, 13):
        yield "9081726354" * width + str(width)


TEXTS = list(dict.fromkeys([*_PLAIN.split("\n"), *_SPACED, *_mixed(), *_digits(), _PLAIN]))
