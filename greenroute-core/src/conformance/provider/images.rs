use super::Subject;
use super::refusing::{PIXEL, refuses_by};
use crate::chat::{Block, Message, Role};
use crate::conformance::Outcome;
use crate::error::ErrorKind;

fn image(media_type: &str, base64: &str) -> Block {
    Block::Image { media_type: media_type.to_owned(), base64: base64.to_owned() }
}

fn shown(image: Block) -> Message {
    Message { role: Role::User, blocks: vec![image, Block::text("What colour is this?")] }
}

/// An image beside a text is answered, whole and in pieces.
pub async fn takes_an_image(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.images, "images")?;
    let request = subject.roomy(vec![shown(image("image/png", PIXEL))]);
    subject.spoke(&subject.chat(request.clone()).await??)?;
    subject.spoke(&subject.stream(request).await??.done)
}

/// An image of an earlier turn, and two of them in one message, are answered.
pub async fn takes_images_throughout_a_conversation(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.images, "images")?;
    let two = vec![image("image/png", PIXEL), Block::text("and"), image("image/png", PIXEL)];
    let messages = vec![
        Message { role: Role::User, blocks: two },
        Message::text(Role::Assistant, "Two dots."),
        Message::text(Role::User, subject.prompt.as_str()),
    ];
    subject.spoke(&subject.chat(subject.roomy(messages)).await??)
}

/// Base64 that is none, and a media type that is none of an image, are an `InvalidRequest` or `Unsupported`.
pub async fn refuses_an_image_that_is_none(subject: &Subject) -> Outcome {
    subject.takes(|accepts| accepts.images, "images")?;
    let kinds = [ErrorKind::InvalidRequest, ErrorKind::Unsupported];
    for (what, image) in [
        ("broken base64", image("image/png", "%%% no base64 %%%")),
        ("a media type of no image", image("text/plain", PIXEL)),
    ] {
        refuses_by(subject, what, &kinds, subject.roomy(vec![shown(image)])).await?;
    }
    Ok(())
}
