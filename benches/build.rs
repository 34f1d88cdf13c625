//! Writes the states of 5 and of 20 fields, which nobody wants to read.
//!
//! Out: `sized.rs`, a struct `Of5` of five texts and so on, each with an implementation of `Sized`.

use std::{env, fmt::Write as _, fs, io, path::PathBuf};

const FIELDS: [usize; 2] = [5, 20];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let mut text = String::new();
    for fields in FIELDS {
        let _ = writeln!(
            text,
            "/// {fields} texts.\n\
             #[derive(SessionState)]\n#[session(name = \"of{fields}\", version = 1, lock = off)]\n\
             pub(crate) struct Of{fields} {{"
        );
        for field in 1..=fields {
            let _ = writeln!(text, "    #[session(default)]\n    pub(crate) f{field}: String,");
        }
        let _ = writeln!(text, "}}\n");
        let _ = writeln!(
            text,
            "impl Texts for Of{fields} {{\n    \
             fn fill(session: &mut TypedSession<Self>, bytes: usize) {{\n        session.update(move |state| {{"
        );
        for field in 1..=fields {
            let _ = writeln!(text, "            state.f{field} = text(bytes);");
        }
        let _ = writeln!(
            text,
            "        }});\n    }}\n    \
             fn text(session: &TypedSession<Self>) -> &str {{ session.f4() }}\n    \
             fn set(session: &mut TypedSession<Self>, text: String) {{ session.set_f4(text); }}\n    \
             fn update(session: &mut TypedSession<Self>, text: String) {{\n        \
             session.update_f4(move |f4| f4.clone_from(&text));\n    }}\n}}\n"
        );
    }
    let folder = env::var_os("OUT_DIR").map(PathBuf::from).ok_or_else(|| io::Error::other("no OUT_DIR"))?;
    fs::write(folder.join("sized.rs"), text)
}
