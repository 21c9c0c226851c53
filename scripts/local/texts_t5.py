"""What the tiny T5 vocabulary is trained on, its character rules, and the texts whose ids are compared."""

CORPUS = [
    "the cat sat on the mat and the dog ran to the cat",
    "a dog is not a cat, and that is that",
    "Answer the following question. What is the capital of France?",
    "Translate to German: The house is wonderful and the garden is green.",
    "summarize: the studies have shown that owning a dog is good for you",
    "question: how many legs does a spider have? context: spiders have eight legs (8).",
    "Zwei süße Katzen essen Äpfel, Öl und Brötchen; où est l'école, garçon?",
    "1 + 2 = 3; 45 - 6 = 39; 7 * 8 = 56; 90 / 10 = 9. \"Quoted\" & 50% of #1 @ home_page!",
    "Is the following statement true or false? Yes, no, it depends: maybe <b>so</b> [1] {2} ~ ^ | \\ $ `",
    "The weather in the capital was better than it has been for the whole of the last winter.",
    "She had been thinking about the question for a while before she gave the answer to the teacher.",
    "Electric trains use less energy than cars, and they carry more people at the same time.",
    "If there is nothing in the kitchen, then somebody has to go and buy bread, cheese and apples.",
    "The first thing that they saw when they came home was that the window had been left open.",
    "Every year thousands of people visit the mountains to see where the river begins.",
    "Water boils at one hundred degrees; it freezes at zero, unless there is salt in it.",
    "Wie heißt die Hauptstadt von Frankreich? Die Antwort ist einfach: Paris.",
    "Le chat est assis sur le tapis et le chien dort dans le jardin.",
    "classify the sentiment: this was the best film that I have ever seen, and the worst ending.",
] * 3

# From what to what: a few of those that NFKC has, with a longer one that begins as a shorter one.
RULES = [
    ("\u00a0", " "), ("\u3000", " "), ("\t", " "), ("\n", " "), ("\r", " "), ("\ufb01", "fi"), ("\u2126", "\u03a9"),
    ("\uff21", "A"), ("\uff42", "b"), ("\u00bd", "1\u20442"), ("e\u0301", "\u00e9"), ("u\u0308", "\u00fc"), ("\u200b", " "),
    ("\u2026", "..."), ("\u0007", ""), ("\u2122", "TM"),
]

TEXTS = [
    "", " ", "   ", "a", "the cat", " the cat ", "the  cat   sat\n\non the mat", "The\tdog\r\nran", "\n", "x" * 40,
    "Answer the following question. What is the capital of France?",
    "Translate to German: The house is wonderful.", "süße Katzen und Äpfel", "su\u0308\u00dfe Cafe\u0301", "où est l'école?",
    "\ufb01ne \uff21\uff42 \u00bd \u2026 \u2122 \u2126", "🙂 smile 🙂🙂", "👩‍👩‍👧‍👦 family", "日本語のテキスト", "Привет, мир", "مرحبا", "a\u00a0b\u3000c\u200bd",
    "1 + 2 = 3", "3.14159 and 1,000,000", "<extra_id_0> is <extra_id_1>", "the</s>cat", "<pad> <unk> <b>so</b>",
    "▁the▁cat", "bell \u0007 rings", "tail   ", "don't \"quote\" me & co. [1] {2} ~",
    " ".join(["the dog ran to the cat and sat on the mat, that is that."] * 12),
]
