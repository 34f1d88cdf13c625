//! Bodies that outlive the handler and go on using the session.
//!
//! In: the action to take once the head has been sent and the gate is open. Out: its result, as the last line of the body. Never: acts
//! before the head has been sent.

use std::io;

use actix_typed_session::{Error, TypedSession};
use actix_web::{
    HttpResponse,
    web::{Bytes, Data, Path},
};
use futures_util::{
    StreamExt,
    stream::{iter, once},
};

use crate::{gates::Gates, state::Visitor};

pub(crate) async fn stream(
    visitor: TypedSession<Visitor>,
    path: Path<(String, String)>,
    gates: Data<Gates>,
) -> HttpResponse {
    let (gate, what) = path.into_inner();
    let gate = gates.named(&gate);
    let body = gate.bodies.up();
    let begun = iter([Ok(Bytes::from_static(b"data: begun\n\n"))]);
    let lines = begun.chain(once(async move {
        // Declared first, and so dropped last: a dropped body counts as gone once everything inside it has been dropped.
        let _body = body;
        gate.pass().await;
        let said = match act(visitor, &what).await {
            Ok(said) => said,
            Err(error) => format!("{:?}", error.kind()),
        };
        Ok::<_, io::Error>(Bytes::from(format!("data: {said}\n\n")))
    }));
    HttpResponse::Ok().content_type("text/event-stream").streaming(lines)
}

async fn act(mut visitor: TypedSession<Visitor>, what: &str) -> Result<String, Error> {
    match what {
        "unsaved" => {
            let line = line!() + 1;
            visitor.set_count(99);
            return Ok(line.to_string());
        }
        "saved" => visitor.update_count(|count| *count += 1),
        "renewed" => visitor.session().renew(),
        "signed-in" => visitor.set_user(7),
        _ => {}
    }
    visitor.session().save().await?;
    Ok(format!("stored {}", visitor.count))
}
