//! The shipped brain as a profiler.

use greenroute_core::chat::{Block, Message, Role};
use greenroute_core::conformance::{profiler, run};
use greenroute_core::model::Capability;
use greenroute_core::profile::ComplexityLabel;
use greenroute_core::units::{Probability, Tokens};
use greenroute_core::{
    ErrorKind, Expecter, KeptProfile, ModelKey, Prompt, PromptProfile, PromptProfiler, Verdict,
};
use greenroute_predict::Brain;
use greenroute_predict::latent::Latent;
use greenroute_predict::weights::{Draft, Weights};
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};

pub(crate) static BRAIN: LazyLock<Brain> = LazyLock::new(|| Brain::shipped().unwrap());

fn profile(text: &str) -> PromptProfile {
    BRAIN.profile(&Prompt::from(text), &[])
}

fn said(role: Role, text: &str) -> Message {
    Message { role, blocks: vec![Block::Text { text: text.into() }] }
}

fn after(history: &[(Role, &str)], text: &str) -> PromptProfile {
    let history = history.iter().map(|(role, text)| said(*role, text)).collect();
    BRAIN.profile(&Prompt { history, ..Prompt::from(text) }, &[])
}

#[test]
fn it_does_what_every_profiler_promises() {
    run(profiler::ALL, &*BRAIN, &[]).conforms().unwrap();
}

#[test]
fn what_a_prompt_plainly_asks_for_weighs_most() {
    for (text, expected) in [
        ("Write a Python function that returns the longest word of a sentence.", Capability::Code),
        ("Write a short poem about the sea in autumn.", Capability::Creative),
        ("What is 17 percent of 240?", Capability::Math),
        ("hello there, how are you?", Capability::Simple),
        ("Who painted the ceiling of the Sistine Chapel?", Capability::Knowledge),
    ] {
        let found = profile(text).capabilities;
        assert_eq!(found.primary(), expected, "{text}: {found:?}");
    }
}

#[test]
fn another_language_is_asked_for_beside_what_the_prompt_needs() {
    for text in [
        "Напиши короткое стихотворение о море.",
        "请证明根号二是无理数。",
        "Explique pourquoi le ciel est bleu.",
    ] {
        let found = profile(text).capabilities;
        assert!(found.get(Capability::Multilingual) > 0.1, "{text}: {found:?}");
        assert!(found.get(Capability::Multilingual) < 0.9, "{text}: {found:?}");
    }
}

#[test]
fn hard_questions_are_harder_than_easy_ones_and_the_tail_counts() {
    let easy = profile("What is the capital of France?");
    let hard =
        profile("Prove rigorously that every bounded sequence of real numbers has a convergent subsequence.");
    assert!(easy.difficulty + 1.0 < hard.difficulty, "{} {}", easy.difficulty, hard.difficulty);
    assert!(easy.label() < ComplexityLabel::High && easy.complexity < hard.complexity);
    let before = "The cat sat on the mat and looked at the rain. ".repeat(40);
    let alone = profile(&before).capabilities.get(Capability::Code);
    let asked =
        format!("{before}{}", "Now write a Python function with unit tests that sorts this list. ".repeat(8));
    assert!(profile(&asked).capabilities.get(Capability::Code) > alone + 0.1);
}

#[test]
fn what_people_type_goes_by_the_grade_and_what_models_were_tried_on_by_outcomes() {
    let graded = |text: &str| Latent::of(&profile(text)).unwrap().graded;
    for text in [
        "hello there, how are you?",
        "Translate into Italian: where is the station?",
        "Write a cheerful toast for my sister's wedding, four lines.",
        "Fais-moi une liste de courses pour un gratin.",
    ] {
        assert!(graded(text) > 0.8, "{text}: {}", graded(text));
    }
    for text in [
        "Which gas do plants take in?\nA. Oxygen\nB. Carbon dioxide\nC. Helium\nD. Neon\nAnswer:",
        "A stone falls from rest for three seconds. How fast is it then, without friction?\nA. 9.8 m/s\nB. 19.6 m/s\nC. 29.4 m/s\nD. 44.1 m/s",
    ] {
        assert!(graded(text) < 0.2, "{text}: {}", graded(text));
    }
}

#[test]
fn a_prompt_without_words_is_simple_easy_and_new() {
    for text in ["", " \n\t\u{2003}", "\u{200b}"] {
        let profile = profile(text);
        assert_eq!(profile.capabilities.primary(), Capability::Simple, "{text:?}");
        assert_eq!((profile.difficulty, profile.complexity), (1.0, 0), "{text:?}");
        assert_eq!(profile.novelty.as_fraction(), 1.0, "{text:?}");
        assert!(profile.output.value() > Tokens::ZERO);
    }
}

#[test]
fn a_terse_follow_up_is_read_with_what_came_before() {
    let asked = "Write a function in Java that reverses a linked list without recursion, and its unit tests.";
    let alone = profile("and a shorter one?");
    let follow = after(&[(Role::User, asked), (Role::Assistant, "Here it is.")], "and a shorter one?");
    let code = |profile: &PromptProfile| profile.capabilities.get(Capability::Code);
    assert!(code(&follow) > code(&alone) + 0.2, "{:?}", follow.capabilities);
    assert_eq!(follow.capabilities.primary(), Capability::Code);
    // What is asked in full stands for itself.
    let question = "Please write a warm and slightly funny poem of four stanzas for the birthday of my grandmother, \
        who is turning ninety, loves her garden, her three cats and strong coffee, and still beats everybody at cards.";
    let turned = after(&[(Role::User, asked), (Role::Assistant, "Here it is.")], question);
    assert_eq!(turned.capabilities.primary(), Capability::Creative, "{:?}", turned.capabilities);
}

#[test]
fn nothing_said_after_something_is_read_as_what_was_said() {
    let asked = "Write a function in Java that reverses a linked list without recursion.";
    let follow = after(&[(Role::User, asked)], "");
    assert_eq!(follow.capabilities, profile(asked).capabilities);
    assert!(follow.novelty.as_fraction() < 1.0);
}

#[test]
fn text_in_blocks_is_read_like_the_text() {
    let asked = "Write a function in Java that reverses a linked list without recursion.";
    let mut prompt = Prompt::from("");
    prompt.blocks.push(Block::Text { text: asked.into() });
    assert_eq!(BRAIN.profile(&prompt, &[]).capabilities, profile(asked).capabilities);
}

#[test]
fn a_schema_asks_for_instructions_to_be_followed() {
    let mut prompt = Prompt::from("Who painted the ceiling of the Sistine Chapel?");
    prompt.schema = Some(serde_json::json!({"type": "object"}));
    let bound = BRAIN.profile(&prompt, &[]).capabilities.get(Capability::Instruction);
    assert!(bound > 0.2, "{bound}");
}

#[test]
fn a_profile_names_three_tasks_whose_names_were_made_once() {
    let (one, two) = (profile("What is 2 + 2?"), profile("What is 2 + 2?"));
    assert_eq!(one.tasks.len(), 3);
    assert!(one.tasks.is_sorted_by(|a, b| a.1 >= b.1));
    assert!(one.tasks.iter().zip(&two.tasks).all(|(a, b)| Arc::ptr_eq(&a.0, &b.0)));
    assert!(one.tasks.iter().all(|(name, _)| BRAIN.tasks().contains(name)));
}

#[test]
fn a_typical_prompt_has_the_numbers_that_the_expecter_reads() {
    for capability in Capability::ALL {
        let typical = BRAIN.centroid(capability);
        let latent = Latent::of(&typical).unwrap();
        assert!((latent.tasks.iter().sum::<f32>() - 1.0).abs() < 1e-3, "{capability}");
        assert_eq!(latent.excess, 0.0);
        assert!(typical.output.low() < typical.output.value(), "{capability}");
    }
    let [simple, math] = [Capability::Simple, Capability::Math].map(|capability| BRAIN.centroid(capability));
    assert!(simple.difficulty < math.difficulty && simple.output.value() < math.output.value());
}

#[test]
fn a_typical_prompt_names_no_task_that_it_is_not() {
    for capability in Capability::ALL {
        let typical = BRAIN.centroid(capability);
        assert!(!typical.tasks.is_empty() && typical.tasks.iter().all(|(_, weight)| *weight > 0.0));
    }
}

#[test]
fn a_profile_holds_no_word_of_the_prompt_and_is_no_longer_for_a_longer_one() {
    let secrets = ["Zyzzyva", "quixotry", "0815-4711", "palimpsest", "гиппопотам", "ouroboros", "秘密"];
    let mut prompt = Prompt::from(secrets.join(" and ").repeat(3)).system(secrets[3]);
    prompt.history = vec![said(Role::User, secrets[1]), said(Role::Assistant, secrets[5])];
    prompt.schema = Some(serde_json::json!({"type": "object", "title": secrets[0]}));
    let profile = BRAIN.profile(&prompt, &[]);
    assert!(profile.tasks.iter().all(|(name, _)| BRAIN.tasks().contains(name)));
    for kept in [KeptProfile::Whole, KeptProfile::Plain] {
        let kept = kept.of(&profile).unwrap();
        let shown = format!("{} {kept:?}", serde_json::to_string(&kept).unwrap()).to_lowercase();
        for secret in secrets.map(str::to_lowercase) {
            assert!(!shown.contains(&secret), "{secret} in {shown}");
        }
    }
    let length = |text: &str| serde_json::to_string(&self::profile(text)).unwrap().len();
    assert!(length(&secrets.join(" ").repeat(10_000)) < 4_096 && length("a") < 4_096);
    // And nothing of it is in what a verdict on it teaches.
    let brain = Brain::shipped().unwrap();
    let model = ModelKey::new("local", "m");
    let verdict = Verdict { receipt: None, model, profile, score: Probability::ONE, judge: None };
    brain.learn(&[verdict]).unwrap();
    let learned = String::from_utf8(brain.snapshot()).unwrap().to_lowercase();
    assert!(
        learned.contains("local") && secrets.iter().all(|secret| !learned.contains(&secret.to_lowercase()))
    );
}

#[test]
fn a_verdict_teaches_of_the_tasks_that_the_profile_names() {
    let brain = Brain::shipped().unwrap();
    let model = ModelKey::new("local", "m");
    let profile = brain.profile(&Prompt::from("Write a Python function that reverses a list."), &[]);
    let tasks = profile.tasks.clone();
    let verdict =
        Verdict { receipt: None, model: model.clone(), profile, score: Probability::ONE, judge: None };
    brain.learn(&[verdict]).unwrap();
    let learned = brain.outlook().learned();
    for (name, weight) in tasks {
        let taught = learned.weight(&model, &name);
        assert!(taught >= weight && taught <= 1.0, "{name}: {taught} of {weight}");
    }
}

#[test]
fn a_prompt_is_read_alike_on_every_thread_and_after_any_other() {
    let asked = "Write a function in Java that reverses a linked list without recursion.";
    let expected = profile(asked);
    std::thread::scope(|scope| {
        for before in ["", "x", "请证明根号二是无理数。 ", "one two three "] {
            let expected = &expected;
            scope.spawn(move || {
                for times in [1, 1 << 14, 3] {
                    profile(&before.repeat(times));
                    assert_eq!(profile(asked), *expected);
                }
            });
        }
    });
}

/// The shipped weights with something else in them.
fn altered(change: impl FnOnce(&Weights, Draft) -> Draft) -> greenroute_core::Result<Brain> {
    let shipped = Weights::shipped().unwrap();
    let draft = change(&shipped, Draft::over(&shipped));
    Brain::new(Arc::new(Weights::from_bytes(draft.to_bytes().unwrap(), "altered").unwrap()))
}

#[test]
fn weights_that_cannot_be_right_are_refused_by_what_is_wrong() {
    altered(|_, draft| draft).unwrap();
    let backwards = |weights: &Weights, name: &str| {
        weights.tensor_text(name).unwrap().lines().rev().collect::<Vec<_>>().join("\n")
    };
    let filled = |weights: &Weights, draft: Draft, name: &str, number: f32| {
        let shape = weights.shape(name).unwrap().to_vec();
        draft.f32(name, &shape, &vec![number; shape.iter().product()])
    };
    let says = |brain: greenroute_core::Result<Brain>| {
        let error = brain.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Decode);
        error.to_string()
    };
    // The heads' tasks in another order than the prior's: every weight would be of another task.
    for name in ["tasks.names", "prior.tasks"] {
        let wrong = says(altered(|weights, draft| draft.text(name, &backwards(weights, name))));
        assert!(wrong.contains("the same tasks"), "{wrong}");
    }
    for (name, number) in [
        ("heads.sharpness", 0.0),
        ("heads.sharpness", -3.0),
        ("heads.tasks.weights", 1e30),
        ("heads.traits.offset", f32::MIN),
        ("heads.tasks.weights", f32::NAN),
    ] {
        let wrong = says(altered(|weights, draft| filled(weights, draft, name, number)));
        assert!(wrong.contains(name.trim_end_matches(".weights").trim_end_matches(".offset")), "{wrong}");
    }
    let wrong = says(altered(|_, draft| draft.text("tasks.names", "one")));
    assert!(wrong.contains("names 1 tasks"), "{wrong}");
    let wrong = says(altered(|_, draft| draft.without("heads.novelty")));
    assert!(wrong.contains("heads.novelty"), "{wrong}");
}

proptest! {
    #[test]
    fn any_text_has_weights_that_sum_to_one(text in ".{0,200}", before in ".{0,60}") {
        let profile = after(&[(Role::User, &before)], &text);
        let latent = Latent::of(&profile).unwrap();
        let sum: f32 = latent.tasks.iter().sum();
        prop_assert!((sum - 1.0).abs() < 1e-3, "{sum}");
        prop_assert!(latent.excess.is_finite());
        let weights: f64 = profile.capabilities.iter().map(|(_, weight)| weight).sum();
        prop_assert!((weights - 1.0).abs() < 1e-6);
        prop_assert!((0.0..=1.0).contains(&profile.novelty.as_fraction()));
        prop_assert!(profile.output.value() >= Tokens::new(1));
    }
}
