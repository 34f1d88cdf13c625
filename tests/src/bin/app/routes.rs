//! The routes of the server: a few uses of a session, and routes with which a test controls the server.

use actix_typed_session::{Error, Session, TypedSession};
use actix_web::{
    HttpResponse,
    error::{ErrorBadRequest, ErrorNotFound},
    web::{self, Data, Json, Path, ServiceConfig},
};
use serde_json::{Value, json};

use crate::{
    gates::Gates,
    state::{Slots, Visitor, all_slots, set_slot},
    streams,
    switch::{Mode, State, Switched},
};

pub(crate) fn all(config: &mut ServiceConfig) {
    let of_sessions: [(&str, actix_web::Route); 14] = [
        ("/read", web::route().to(read)),
        ("/set/{slot}/{value}", web::route().to(set)),
        ("/add", web::route().to(add)),
        ("/add-now", web::route().to(add_now)),
        ("/add-quietly", web::route().to(add_quietly)),
        ("/log/{entry}", web::route().to(log)),
        ("/slow-set/{gate}/{slot}/{value}", web::route().to(slow_set)),
        ("/slow/{gate}/{what}", web::route().to(slow)),
        ("/renew", web::route().to(renew)),
        ("/in/{user}", web::route().to(sign_in)),
        ("/out", web::route().to(sign_out)),
        ("/mine", web::route().to(mine)),
        ("/out-everywhere", web::route().to(sign_out_everywhere)),
        ("/stream/{gate}/{what}", web::route().to(streams::stream)),
    ];
    let of_tests: [(&str, actix_web::Route); 8] = [
        ("/none", web::route().to(async || "none")),
        ("/gate/{gate}/waiting", web::route().to(gate_waiting)),
        ("/gate/{gate}/open", web::route().to(gate_open)),
        ("/gate/{gate}/bodies", web::route().to(gate_bodies)),
        ("/dropped", web::route().to(dropped)),
        ("/store/{loads}/{writes}", web::route().to(turn_store)),
        ("/calls", web::route().to(calls)),
        ("/calls/waiting", web::route().to(calls_waiting)),
    ];
    for (path, route) in of_sessions.into_iter().chain(of_tests) {
        config.route(path, route);
    }
}

async fn read(visitor: TypedSession<Visitor>, slots: TypedSession<Slots>) -> Json<Value> {
    Json(json!({
        "user": visitor.user,
        "count": visitor.count,
        "log": visitor.log,
        "slots": all_slots(&slots),
    }))
}

async fn set(mut slots: TypedSession<Slots>, path: Path<(u8, u64)>) -> actix_web::Result<&'static str> {
    let (slot, value) = path.into_inner();
    if set_slot(&mut slots, slot, value) { Ok("set") } else { Err(ErrorNotFound("no such slot")) }
}

async fn add(mut visitor: TypedSession<Visitor>) -> &'static str {
    visitor.update_count(|count| *count += 1);
    "added"
}

async fn add_now(mut visitor: TypedSession<Visitor>) -> Result<String, Error> {
    let count = visitor.try_update(|visitor| {
        visitor.count += 1;
        visitor.count
    });
    Ok(count.await?.to_string())
}

/// Ignores an error of the store.
async fn add_quietly(mut visitor: TypedSession<Visitor>) -> &'static str {
    let _ = visitor.try_update(|visitor| visitor.count += 1).await;
    "added, perhaps"
}

async fn log(mut visitor: TypedSession<Visitor>, entry: Path<u64>) -> &'static str {
    let entry = entry.into_inner();
    visitor.update_log(move |log| log.push(entry));
    "logged"
}

/// Loads the session, waits at the gate, and then changes the session.
async fn slow(
    mut visitor: TypedSession<Visitor>,
    mut slots: TypedSession<Slots>,
    path: Path<(String, String)>,
    gates: Data<Gates>,
) -> actix_web::Result<&'static str> {
    let (gate, what) = path.into_inner();
    if what == "set-first" {
        set_slot(&mut slots, 0, 1);
    }
    gates.named(&gate).pass().await;
    match what.as_str() {
        "set-first" => {}
        "set" => {
            set_slot(&mut slots, 0, 1);
        }
        "add" => visitor.update_count(|count| *count += 1),
        "renew" => visitor.session().renew(),
        "in" => visitor.set_user(8),
        "out" => visitor.session().purge(),
        _ => return Err(ErrorBadRequest("no such thing to do")),
    }
    Ok("done")
}

/// Loads the session, waits at the gate, and then sets a field.
async fn slow_set(
    mut slots: TypedSession<Slots>,
    path: Path<(String, u8, u64)>,
    gates: Data<Gates>,
) -> actix_web::Result<&'static str> {
    let (gate, slot, value) = path.into_inner();
    gates.named(&gate).pass().await;
    if set_slot(&mut slots, slot, value) { Ok("set") } else { Err(ErrorNotFound("no such slot")) }
}

async fn renew(session: Session) -> &'static str {
    session.renew();
    "renewed"
}

async fn sign_in(mut visitor: TypedSession<Visitor>, user: Path<u64>) -> &'static str {
    visitor.set_user(*user);
    "welcome"
}

async fn sign_out(session: Session) -> &'static str {
    session.purge();
    "bye"
}

/// Lists the public ids of the user's sessions.
async fn mine(session: Session) -> Result<Json<Vec<String>>, Error> {
    let sessions = session.sessions().await?;
    Ok(Json(sessions.iter().map(|one| one.public_id.to_string()).collect()))
}

async fn sign_out_everywhere(session: Session) -> Result<String, Error> {
    Ok(session.revoke_all().await?.to_string())
}

async fn gate_waiting(gates: Data<Gates>, gate: Path<String>) -> String {
    gates.named(&gate).waiting().to_string()
}

async fn gate_bodies(gates: Data<Gates>, gate: Path<String>) -> String {
    gates.named(&gate).bodies.now().to_string()
}

async fn gate_open(gates: Data<Gates>, gate: Path<String>) -> &'static str {
    gates.named(&gate).open();
    "open"
}

async fn dropped(gates: Data<Gates>) -> String {
    gates.dropped().to_string()
}

async fn turn_store(store: Data<Switched>, path: Path<(String, String)>) -> HttpResponse {
    match (State::named(&path.0), State::named(&path.1)) {
        (Some(loads), Some(writes)) => {
            store.turn(Mode { loads, writes });
            HttpResponse::Ok().body("turned")
        }
        _ => HttpResponse::BadRequest().finish(),
    }
}

async fn calls(store: Data<Switched>) -> String {
    store.take_calls().to_string()
}

async fn calls_waiting(store: Data<Switched>) -> String {
    store.waiting().to_string()
}
