#!/usr/bin/env bash
# Breaks one rule at a time, in a copy of the sources, and counts on the tests to find it: rules of the commit on its model, rules of
# schemas that change on the evolution tests in memory. Prints a line a rule; ends with an error if one passed. Run from anywhere;
# `commit` or `evolution` as the argument runs one of the two.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r "$root"/{Cargo.toml,Cargo.lock,README.md,session,session-derive,tests,ui-tests,examples,benches} "$copy" 2>/dev/null || true
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target/mutations}"
missed=0
only=${1:-commit evolution}

commit() { cargo test -q -p actix-typed-session --lib commit::; }
evolution() { cargo test -q -p session-tests --all-features --test it -- evolution:: --skip sqlite --skip redis --skip postgres --skip cluster; }

# mutate SUITE NAME FILE OLD NEW: replaces the one occurrence of OLD in FILE.
mutate() {
  local suite=$1
  shift
  case " $only " in *" $suite "*) ;; *) return 0 ;; esac
  local file="$copy/session/src/$2"
  cp "$file" "$copy/kept"
  python3 - "$file" "$3" "$4" <<'PY' || { echo "stale     $1"; exit 1; }
import sys
path, old, new = sys.argv[1:]
text = open(path).read()
sys.exit("the rule is written differently now") if text.count(old) != 1 else open(path, "w").write(text.replace(old, new))
PY
  local result
  result=$(cd "$copy" && "$suite" 2>&1) && verdict=missed || verdict=found
  grep -q "^error" <<<"$result" && ! grep -q "test result: FAILED" <<<"$result" && verdict=broken
  [ "$verdict" = found ] || missed=1
  printf '%-9s %s\n' "$verdict" "$1"
  mv "$copy/kept" "$file"
}

mutate commit "guards ignored" section/patch.rs "cell.guarded |= cell.value.is_none();" ""
mutate commit "a late set wins over a newer value" commit/arrival.rs "place.moved(loaded, record) || (place.resets()" "false || (place.resets()"
mutate commit "a late set survives a reset on sign-in" commit/arrival.rs "&& loaded.meta().signed_in != record.meta().signed_in" "&& false"
mutate commit "absent counts as equal" commit/machine.rs "let as_loaded = local.patch.is_same()" "let as_loaded = (local.patch.is_same() || !local.patch.writes_a_value())"
mutate commit "elided though it renews" commit/machine.rs "            && !local.renew
            && local.lifetime" "            && local.lifetime"
mutate commit "elided though it saved before" commit/machine.rs "(!self.request.saved_before || !local.patch.writes())" "true"
mutate commit "A to B in the same record" commit/fold.rs "Some(other) if *other != principal => {" "Some(other) if *other != principal && false => {"
mutate commit "superseded may write" commit/machine.rs "if ago < SUPERSEDED_WINDOW" "if false"
mutate commit "superseded may sign out" commit/machine.rs "(local.purged || (local.patch.writes() && local.sign_in.is_none()))" "(local.patch.writes() && local.sign_in.is_none())"
mutate commit "generation not expected" commit/machine.rs "expected_generation: Some(record.meta().generation)," "expected_generation: None,"
mutate commit "a sign-in joins a renewed record" commit/machine.rs "if late && signs_in {" "if false {"
mutate commit "a sign-in is lost with the session" commit/machine.rs "Updated::Gone if signs_in => self.create_from_replay()," ""
mutate commit "an overtaken renewal renews again" commit/machine.rs "let renews = !late &&" "let renews ="
mutate commit "Gone opens a new session" commit/machine.rs "Updated::Gone => Step::Finish(Finish {" "Updated::Gone if true => self.create_from_replay(), Updated::Gone => Step::Finish(Finish {"
mutate commit "a purge leaves the record" commit.rs "Step::Delete(id.key)" "finish(Done::Stored)"
mutate commit "A's session outlives the change to B" commit.rs "self.create_from_local(Some(id.key))" "self.create_from_local(None)"
mutate commit "fields are not reset on sign-in" record/apply.rs "meta.signed_in = meta.revision;" ""
mutate commit "a take that came too late still clears" commit/fold.rs "&& !now.moved_since(then)" ""
mutate commit "a lost write is sent again" commit/machine.rs "            Err(error) => return self.store_failed(error)," "            Err(error) => { if self.attempts == 0 && matches!(self.stage, Stage::Update(_)) { self.attempts = 1; return self.after_wait(Duration::ZERO); } return self.store_failed(error) }"
mutate commit "a raised gate is passed" commit/machine.rs "if let Err(error) = fold.patch.check_gates(record) {" "if let (Err(error), true) = (fold.patch.check_gates(record), false) {"
mutate commit "an overtaken request gets a cookie" commit/arrival.rs "loaded.record.meta().verifier != id.verifier_hash()" "loaded.record.meta().verifier != id.verifier_hash() && false"

# Evolution, reading.
mutate evolution "an older edit does not win" schema/group.rs "if edited <= newest(&slots, step.to) {" "if edited <= newest(&slots, step.to) || newest(&slots, step.to).is_some() {"
mutate evolution "equal revisions: the older side wins" schema/group.rs "if edited <= newest(&slots, step.to) {" "if edited < newest(&slots, step.to) || edited.is_none() {"
mutate evolution "merge is never called" schema/group.rs "Some(merge) if !is_cleared(&before) =>" "Some(merge) if !is_cleared(&before) && false =>"
mutate evolution "merge also with nothing before" schema/group.rs "Some(merge) if !is_cleared(&before) =>" "Some(merge) =>"
mutate evolution "a forgotten form reads as empty" schema/group.rs "self.up.ok_or(Failed::Forgotten(self.since))?;" "self.up.unwrap_or(|_| Ok(vec![Json::null(), Json::null()]));"
mutate evolution "a clear of the old side goes through up" schema/group.rs "if is_cleared(&old) {
            return Ok(vec![Json::null(); self.to.len()]);" "if false {
            return Ok(vec![Json::null(); self.to.len()]);"
mutate evolution "an absent side counts as not cleared" schema/group.rs "cells.iter().flatten().all(Json::is_null)" "!cells.is_empty() && cells.iter().all(|cell| cell.as_ref().is_some_and(Json::is_null))"
mutate evolution "what resets shows its older form" section/view.rs "let resets = group.fields().filter_map(|field| schema.field(field)).any(Field::resets);" "let resets = false;"
mutate evolution "a field's own default is not used" section/convert.rs "Err(_) if json.is_null() => Ok(default())," ""
mutate evolution "a failed up reads as absent" evolve.rs "Err(Failed) => Err(CellError::NotConverted { field: field.key() })," "Err(Failed) => Ok(None),"
mutate evolution "what does not fit reads as its default" evolve.rs "Err(error) => Err(CellError::OfAnotherType { field: field.key(), column: error.column() })," "Err(_) => Ok(None),"
mutate evolution "a panic of up leaves" convert.rs "catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Failed))" "run()"
# Evolution, writing.
mutate evolution "the older side is not written" schema/group.rs "(cell.value, cell.written) = (Ok(Some(json)), true);" "(cell.value, cell.written) = (Ok(Some(json)), false);"
mutate evolution "what nobody reads is not deleted" schema/group.rs "delete.push(cell.key);" ""
mutate evolution "a clear goes through down" schema/group.rs "let old = if is_cleared(&new) {" "let old = if false {"
mutate evolution "a failed down writes what it can" schema/group.rs ".map_err(|_| Unwritable::NotConverted)?" ".unwrap_or_default()"
mutate evolution "a group is written whole" schema/group.rs "written: field.is_some() && slot.carried.is_some() && slot.value.is_ok()," "written: field.is_some() && slot.value.is_ok(),"
mutate evolution "what is carried does not go along" schema/group.rs "written: field.is_some() && slot.carried.is_some() && slot.value.is_ok()," "written: false,"
mutate evolution "a form in the middle is forgotten" schema/group.rs "cell.written |= cell.carried.is_some() && cell.value.is_ok();" ""
mutate evolution "an unreadable neighbour is overwritten" schema/group.rs "cell.value.clone().map_err(|_| Unwritable::Unreadable(cell.key))" "Ok::<_, Unwritable>(cell.value.clone().ok().flatten())"
mutate evolution "a joint group is not guarded" section/delta.rs "if cell.guarded || (cell.value.is_some() && group.is_joint()) {" "if cell.guarded {"
mutate evolution "a closure guards one form only" section/delta.rs "group.keys().for_each(|key| delta.guard(key));
            }
            let earlier" "delta.guard(cell.place.key());
            }
            let earlier"
# Evolution, persisting on save.
mutate evolution "nothing is persisted on save" commit/machine.rs "if self.carries {" "if false {"
mutate evolution "persisted without guards" commit/machine.rs "change.guards.extend(carried.guards);" ""
mutate evolution "half of what can be read is persisted" schema/group.rs "if slots.iter().any(|slot| slot.value.is_err()) {
            return Written::default();" "if false {
            return Written::default();"
mutate evolution "forms in the middle are not persisted" schema/group.rs "(field.is_some() || is_read(*at))" "field.is_some()"
mutate evolution "persisted past a closed gate" section/delta.rs "schemas.iter().filter(|schema| view.gate(schema).is_ok())" "schemas.iter()"
mutate evolution "persisted without raising the gate" section/delta.rs "if delta.writes.len() > before && !raised {" "if false {"
mutate evolution "storing what was carried is an edit" schema/group.rs "if then.carried.is_some() { self.older != then.older } else { self.revision != then.revision }" "self.revision != then.revision"
mutate evolution "an edit to the same value is none" schema/group.rs "if then.carried.is_some() { self.older != then.older } else { self.revision != then.revision }" "then.value != self.value"
# Evolution, the gate.
mutate evolution "a closed gate is passed" section/view.rs "Some(Gate::At(needed)) if needed > u64::from(schema.version()) => Err(TooNew { needed })," ""
mutate evolution "a gate that is no number is passed" section/view.rs "Some(Gate::Unreadable) => Err(TooNew { needed: u64::MAX })," ""
mutate evolution "the gate is not raised" section/view.rs "!matches!(self.gate_number(schema), Some(Gate::At(at)) if at >= u64::from(schema.oldest_reader()))" "self.gate_number(schema).is_none()"
mutate evolution "the gate is lowered" section/view.rs "!matches!(self.gate_number(schema), Some(Gate::At(at)) if at >= u64::from(schema.oldest_reader()))" "!matches!(self.gate_number(schema), Some(Gate::At(at)) if at == u64::from(schema.oldest_reader()))"
mutate evolution "the gate is not guarded" section/delta.rs "delta.guard(schema.gate());" ""
mutate evolution "a gate that rose meanwhile is passed" commit/machine.rs "if let Err(error) = fold.patch.check_gates(record) {" "if let (Err(error), true) = (fold.patch.check_gates(record), false) {"
mutate evolution "who is too old touches" visit/save.rs "if inner.refused.iter().any(|error| error.peek() == ErrorKind::SchemaTooNew)" "if false"
exit $missed
