use crate::world::*;
use greenroute::providers::{claude::Claude, gemini::Gemini, openai::OpenAi};
use greenroute::{ErrorKind, ModelKey, Objective, Policy, Prompt};
use greenroute_testkit::Fault;

fn only(name: &str) -> Objective {
    let (provider, model) = name.split_once('/').unwrap();
    Objective { only: Some([ModelKey::new(provider, model)].into()), ..Objective::balanced() }
}

#[test]
fn a_missing_key_names_its_variable() {
    let unset = "GREENROUTE_TEST_NO_SUCH_KEY";
    for error in [
        OpenAi::builder().key_variable(unset).build().unwrap_err(),
        Gemini::builder().key_variable(unset).build().unwrap_err(),
        Claude::builder().key_variable(unset).build().unwrap_err(),
    ] {
        assert_eq!(error.kind(), &ErrorKind::Config);
        assert_eq!(error.message(), "GREENROUTE_TEST_NO_SUCH_KEY is not set");
    }
}

#[tokio::test]
async fn a_wrong_key_is_told_as_one_by_every_vendor() {
    let server = server().await;
    for name in MODELS {
        let wrong = format!("{CANARY}-wrong");
        let router = router_with(&server, &wrong).objective(only(name)).build().unwrap();
        let error = router.chat("Why?").await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Authentication, "{name}: {error}");
        assert_eq!(error.receipt().unwrap().attempts.len(), 1, "{name}: asked once");
        assert!(!all_text(&error).contains(CANARY), "{name}: {}", all_text(&error));
    }
}

/// What each fault becomes, and whether another model is asked.
#[tokio::test]
async fn each_failure_has_its_kind_and_falls_back_or_not() {
    let cases: [(Fault, &str, bool); 6] = [
        (Fault::Unauthorized, "authentication", true),
        (Fault::QuotaExhausted, "quota_exhausted", true),
        (Fault::Server500, "server", true),
        (Fault::WrongContentType, "decode", true),
        (Fault::InvalidJson, "decode", true),
        (Fault::EmptyBody, "decode", true),
    ];
    for (fault, kind, falls_back) in cases {
        for (vendor, name) in ["openai", "gemini", "anthropic"].into_iter().zip(MODELS) {
            let server = server().await;
            server.fault_times(vendor, fault, 99);
            let mut objective = only(name);
            let policy = Policy { max_retries: 0, ..Policy::default() };
            let error = router(&server)
                .policy(policy)
                .objective(objective.clone())
                .build()
                .unwrap()
                .chat("Why?")
                .await
                .unwrap_err();
            assert_eq!(error.kind().name(), kind, "{fault} at {vendor}: {error}");
            assert_eq!(error.can_fall_back(), falls_back, "{fault} at {vendor}");
            let other = MODELS.into_iter().find(|other| *other != name).unwrap();
            if let Some(only) = &mut objective.only {
                only.push(card(other, 1.0).key);
            }
            objective.prefer = vec![name.to_owned()];
            let answer = router(&server)
                .policy(policy)
                .objective(objective)
                .build()
                .unwrap()
                .chat("Why?")
                .await
                .unwrap();
            assert_eq!(answer.advice.model.to_string(), other, "{fault} at {vendor}");
        }
    }
}

#[tokio::test]
async fn a_dead_model_is_not_found_and_another_answers() {
    let server = server().await;
    let dead = card("openai/gone", 0.001);
    let gone = OpenAi::builder().key(CANARY).base_url(server.url("openai")).name("openai");
    let router = router(&server).card(dead).objective(Objective {
        only: Some([ModelKey::new("openai", "gone"), ModelKey::new("gemini", "medium")].into()),
        prefer: vec!["openai/gone".into()],
        ..Objective::balanced()
    });
    drop(gone);
    let answer = router.build().unwrap().chat("Why?").await.unwrap();
    let first = &answer.receipt.attempts[0];
    assert_eq!(first.requested.to_string(), "openai/gone");
    assert!(format!("{:?}", first.outcome).contains("model_not_found"), "{:?}", first.outcome);
    assert_eq!(answer.advice.model.to_string(), "gemini/medium");
}

#[tokio::test]
async fn a_too_long_prompt_overflows_and_an_invalid_one_is_not_shopped_around() {
    let server = server().await;
    for name in MODELS {
        // The card promises more than the model has: the vendor is the one to say so.
        let router = router(&server).objective(only(name));
        let mut generous = card(name, 1.0);
        generous.window.context = 1 << 20;
        let error = router.card(generous).build().unwrap().chat("river ".repeat(5000)).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::ContextOverflow, "{name}: {error}");
        assert!(error.can_fall_back());
    }
    let mut prompt = Prompt::from("Why?");
    prompt.schema = Some(serde_json::json!("no schema"));
    let error = router(&server).build().unwrap().chat(prompt).await.unwrap_err();
    assert!(!error.can_fall_back() || error.kind() == &ErrorKind::Unsupported, "{error}");
}

#[tokio::test]
async fn a_refused_prompt_is_not_taken_elsewhere() {
    let server = server().await;
    server.reply_with("gemini", greenroute_testkit::Reply::fixture("gemini_prompt_blocked"));
    let mut objective = only("gemini/medium");
    if let Some(only) = &mut objective.only {
        only.push(ModelKey::new("anthropic", "large"));
    }
    let error = router(&server).objective(objective).build().unwrap().chat("Why?").await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::ContentFiltered, "{error}");
    assert_eq!(asked(&server), [0, 1, 0]);
}

/// A whole failing run: nothing that it says holds the key.
#[tokio::test]
async fn no_secret_appears_anywhere() {
    let server = server().await;
    let mut said = String::new();
    for fault in Fault::ALL.iter().copied().filter(|fault| !fault.to_string().contains("stall")) {
        for (vendor, name) in ["openai", "gemini", "anthropic"].into_iter().zip(MODELS) {
            server.clear();
            server.fault_times(vendor, fault, 99);
            let policy = Policy { max_attempts: 1, ..Policy::default() };
            let router = router(&server).objective(only(name)).policy(policy).build().unwrap();
            said.push_str(&format!("{router:?}"));
            match router.chat("Why?").await {
                Ok(answer) => said.push_str(&format!("{answer:?} {:#}", answer.receipt)),
                Err(error) => said.push_str(&all_text(&error)),
            }
        }
    }
    assert!(said.len() > 10_000, "the run said something");
    assert!(!said.contains(CANARY), "{}", &said[said.find(CANARY).unwrap().saturating_sub(300)..][..400]);
}
