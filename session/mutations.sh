#!/usr/bin/env bash
# Breaks one rule of the commit at a time, in a copy of the sources, and counts on the model to find it.
# Prints a line a rule; ends with an error if the model let one pass. Run from anywhere.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r "$root"/{Cargo.toml,Cargo.lock,README.md,session,session-derive,tests,ui-tests,examples,benches} "$copy" 2>/dev/null || true
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target/mutations}"
missed=0

# mutate NAME FILE OLD NEW: replaces the one occurrence of OLD in FILE.
mutate() {
  local file="$copy/session/src/$2"
  cp "$file" "$copy/kept"
  python3 - "$file" "$3" "$4" <<'PY' || { echo "stale     $1"; exit 1; }
import sys
path, old, new = sys.argv[1:]
text = open(path).read()
sys.exit("the rule is written differently now") if text.count(old) != 1 else open(path, "w").write(text.replace(old, new))
PY
  local result
  result=$(cd "$copy" && cargo test -q -p actix-typed-session --lib commit:: 2>&1) && verdict=missed || verdict=found
  grep -q "^error" <<<"$result" && ! grep -q "test result: FAILED" <<<"$result" && verdict=broken
  [ "$verdict" = found ] || missed=1
  printf '%-9s %s\n' "$verdict" "$1"
  mv "$copy/kept" "$file"
}

mutate "guards ignored"                          patch.rs  "cell.guarded |= cell.value.is_none();" ""
mutate "a late set wins over a newer value"      patch.rs  "moved || (place.resets()" "false || (place.resets()"
mutate "a late set survives a reset on sign-in"  patch.rs  "&& loaded.meta().signed_in != record.meta().signed_in" "&& false"
mutate "absent counts as equal"                  commit.rs "let as_loaded = local.patch.is_same()" "let as_loaded = (local.patch.is_same() || !local.patch.writes_a_value())"
mutate "elided though it renews"               commit.rs "            && !local.renew
            && local.lifetime" "            && local.lifetime"
mutate "elided though it saved before"          commit.rs "(!self.request.saved_before || !local.patch.writes())" "true"
mutate "A to B in the same record"               patch.rs  "Some(other) if *other != principal => {" "Some(other) if *other != principal && false => {"
mutate "superseded may write"                    commit.rs "if ago < SUPERSEDED_WINDOW" "if false"
mutate "superseded may sign out"                 commit.rs "(local.purged || (local.patch.writes() && local.sign_in.is_none()))" "(local.patch.writes() && local.sign_in.is_none())"
mutate "generation not expected"                 commit.rs "expected_generation: Some(record.meta().generation)," "expected_generation: None,"
mutate "a sign-in joins a renewed record"        commit.rs "if late && signs_in {" "if false {"
mutate "a sign-in is lost with the session"      commit.rs "Updated::Gone if signs_in => self.create_from_replay()," ""
mutate "an overtaken renewal renews again"       commit.rs "let renews = !late &&" "let renews ="
mutate "Gone opens a new session"                commit.rs "Updated::Gone => Step::Finish(Finish {" "Updated::Gone if true => self.create_from_replay(), Updated::Gone => Step::Finish(Finish {"
mutate "a purge leaves the record"               commit.rs "Step::Delete(id.key)" "finish(Done::Stored)"
mutate "A's session outlives the change to B"    commit.rs "self.create_from_local(Some(id.key))" "self.create_from_local(None)"
mutate "fields are not reset on sign-in"         record.rs "meta.signed_in = meta.revision;" ""
mutate "a take that came too late still clears"  patch.rs  "&& !now.moved_since(then)" ""
mutate "a lost write is sent again"              commit.rs "            Err(error) => return self.store_failed(error)," "            Err(error) => { if self.attempts == 0 && matches!(self.stage, Stage::Update(_)) { self.attempts = 1; return self.after_wait(Duration::ZERO); } return self.store_failed(error) }"
mutate "a raised gate is passed"                 commit.rs "if let Err(error) = fold.patch.check_gates(record) {" "if let (Err(error), true) = (fold.patch.check_gates(record), false) {"
mutate "an overtaken request gets a cookie"      commit.rs "loaded.record.meta().verifier != id.verifier_hash()" "loaded.record.meta().verifier != id.verifier_hash() && false"
exit $missed
