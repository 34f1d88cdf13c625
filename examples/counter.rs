//! The first example of the README: a state, three handlers and `main`. Its tests show the feature `testing`.
//!
//! ```text
//! $ cargo run -p session-examples --bin counter
//!
//! $ curl -b jar -c jar http://127.0.0.1:8080/
//! stranger, visit 1
//! $ curl -b jar -c jar -X POST http://127.0.0.1:8080/sign-in/ada
//! welcome
//! $ curl -b jar -c jar http://127.0.0.1:8080/
//! ada, visit 2
//! ```

use actix_typed_session::{Key, Session, SessionMiddleware, SessionState, TypedSession, store::MemoryStore};
use actix_web::{App, HttpServer, Responder, get, post, web};

#[derive(SessionState)]
#[session(name = "counter", version = 1)]
struct Counter {
    /// The user who is signed in.
    #[session(principal)]
    user: Option<String>,
    #[session(default)]
    visits: u32,
}

#[get("/")]
async fn index(mut counter: TypedSession<Counter>) -> impl Responder {
    counter.update_visits(|visits| *visits += 1); // exact, even when requests overlap
    format!("{}, visit {}\n", counter.user().unwrap_or("stranger"), counter.visits())
}

#[post("/sign-in/{name}")]
async fn sign_in(mut counter: TypedSession<Counter>, name: web::Path<String>) -> impl Responder {
    counter.set_user(name.into_inner()); // also gives the session a new id
    "welcome\n"
}

#[post("/sign-out")]
async fn sign_out(session: Session) -> impl Responder {
    session.purge(); // final: no request in flight brings the session back
    "bye\n"
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = SessionMiddleware::builder(MemoryStore::with_max_bytes(256 << 20), Key::generate()?)
        .dangerous_insecure_cookie() // for plain HTTP on this machine; leave it out behind TLS
        .build()?;
    let app = move || App::new().wrap(sessions.clone()).service(index).service(sign_in).service(sign_out);
    HttpServer::new(app).bind(("127.0.0.1", 8080))?.run().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use actix_typed_session::testing::TestSession;
    use actix_web::test::{TestRequest, call_and_read_body, call_service, init_service};

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn in_memory() -> Result<SessionMiddleware, Box<dyn std::error::Error>> {
        Ok(SessionMiddleware::new(MemoryStore::unbounded(), Key::generate()?))
    }

    #[actix_web::test]
    async fn the_visits_of_a_user_are_counted() -> Outcome {
        let sessions = in_memory()?;
        let app = init_service(App::new().wrap(sessions.clone()).service(index)).await;
        let ada = TestSession::<Counter>::with(&sessions, |counter| counter.set_user("ada")).await?;
        for answer in ["ada, visit 1\n", "ada, visit 2\n"] {
            let request = ada.sends(TestRequest::get().uri("/"));
            assert_eq!(call_and_read_body(&app, request.to_request()).await, answer);
        }
        Ok(())
    }

    #[actix_web::test]
    async fn a_visitor_signs_in_and_out() -> Outcome {
        let sessions = in_memory()?;
        let app = init_service(App::new().wrap(sessions.clone()).service(sign_in).service(sign_out)).await;
        let mut visitor = TestSession::<Counter>::with(&sessions, |counter| counter.set_visits(3)).await?;
        for (path, user, visits) in [("/sign-in/ada", Some("ada"), 3), ("/sign-out", None, 0)] {
            let request = visitor.sends(TestRequest::post().uri(path));
            visitor.receives(&call_service(&app, request.to_request()).await);
            let counter = visitor.state().await?;
            assert_eq!((counter.user(), counter.visits()), (user, visits), "{path}");
        }
        Ok(())
    }
}
