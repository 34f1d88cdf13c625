#!/usr/bin/env bash
# Breaks one rule at a time, in a copy of the sources, and expects the tests to find it: rules of the commit by its table and its
# model, decisions of the core by the model alone, rules of schemas that change by the evolution tests in memory. Prints a line per
# rule, and ends with an error if one was missed. Run it from anywhere; `commit`, `model` or `evolution` as the argument runs one of
# the three.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r "$root"/{Cargo.toml,Cargo.lock,README.md,docs,session,session-admin,session-derive,session-value,tests,ui-tests,examples,benches} "$copy" 2>/dev/null || true
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target/mutations}"
missed=0
only=${1:-commit model evolution}

commit() { cargo test -q -p actix-typed-session --features testing --lib commit::; }
model() { cargo test -q -p actix-typed-session --features testing --lib commit::model::; }
evolution() { cargo test -q -p session-tests --all-features --test it -- evolution:: --skip sqlite --skip redis --skip postgres --skip mariadb --skip cluster; }

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

# What operations come to.
mutate commit "guards are ignored" section/patch.rs \
  "cell.guarded |= cell.value.is_none();" \
  ""
mutate commit "a late set wins over a newer value" commit/arrival.rs \
  "        place.edited(loaded, record)
" \
  "        place.edited(loaded, record) && false
"
mutate commit "A to B is no change of user" commit/operation.rs \
  "principal.is_some_and(|other| *other != Principal::new(place.wire_key(), json))" \
  "principal.is_some_and(|other| *other != Principal::new(place.wire_key(), json)) && false"
mutate commit "a take that came too late still clears" commit/fold.rs \
  "&& !now.edited_since(then)" \
  ""
mutate commit "fields are not reset on sign-in" record/apply.rs \
  "meta.signed_in = meta.revision;" \
  ""

# What a commit does.
mutate commit "left out though it renews" commit/machine.rs \
  "            && !local.renews
" \
  ""
mutate commit "left out though it saved before" commit/machine.rs \
  "(*since == Since::Load || !local.patch.writes())" \
  "true"
mutate commit "superseded may write" commit/arrival.rs \
  "loaded.now.since(loaded.record.meta().renewed) < SUPERSEDED_WINDOW" \
  "false"
mutate commit "superseded may sign out" commit/machine.rs \
  "(local.purges() || local.only_writes())" \
  "local.only_writes()"
mutate commit "the generation is not expected" commit/build.rs \
  "expected_generation: Some(meta.generation)," \
  "expected_generation: None,"
mutate commit "a sign-in goes on in a renewed record" commit/machine.rs \
  "if overtaken && self.request.local.signs_in_from_nobody() {" \
  "if false {"
mutate commit "a change of user does not end other visits" commit/machine.rs \
  "if has_other_sign_in(then, now) {
            return match self.request.local.signed_in {" \
  "if false {
            return match self.request.local.signed_in {"
mutate commit "what began before a purge goes on after it" commit/arrival.rs \
  "then.principal != now.principal || then.signed_in != now.signed_in" \
  "then.principal != now.principal"
mutate commit "what was done before a switch joins the session after it" commit/operation.rs \
  "operations.get(from..)" \
  "operations.get(0 * from..)"
mutate commit "a purge is lost with the sign-in after it" commit/machine.rs \
  "attempt.change.anew && self.request.local.purges()" \
  "attempt.change.anew && self.request.local.purges() && false"
mutate commit "a purge ends the session that another click began" commit/machine.rs \
  "Updated::Conflict(current) if has_other_sign_in(purged.record.meta(), current.record.meta()) => {" \
  "Updated::Conflict(current) if has_other_sign_in(purged.record.meta(), current.record.meta()) && false => {"
mutate commit "a closure tells what came after a renewal" commit/machine.rs \
  "if overtaken && self.request.operations.iter().any(|recorded| recorded.operation.tells()) {" \
  "if false {"
mutate commit "an overtaken request sees what came after" commit/build.rs \
  "if by == By::Overtaken {" \
  "if false {"
mutate commit "an overtaken request sends its old cookie" commit/build.rs \
  "By::Overtaken => false," \
  "By::Overtaken => true,"
mutate commit "any user joins a sign-in" commit/machine.rs \
  "        let is_recent = same_user && is_just_renewed(current);
        is_recent.then(|| ids.find(|id| !has_other_verifier(id, current)))?
" \
  "        let _ = same_user;
        is_just_renewed(current).then(|| ids.next())?
"
mutate commit "a sign-in of long ago is joined" commit/machine.rs \
  "same_user && is_just_renewed(current)" \
  "same_user"
mutate commit "two sign-ins at once are two sessions" commit/machine.rs \
  "is_recent.then(|| ids.find(|id| !has_other_verifier(id, current)))?" \
  "is_recent.then(|| ids.find(|_| false))?"
mutate commit "the same user renews each time" commit/build.rs \
  "signed_in.from_nobody || !on.record.meta().authenticated.is_some_and(recently)" \
  "true"
mutate commit "a sign-in is lost with the session" commit/machine.rs \
  "Updated::Gone if self.request.local.signs_in_from_nobody() => self.create_from_replay()," \
  ""
mutate commit "an overtaken renewal renews again" commit/build.rs \
  "let renews = wants_cookie && target.by == By::Met;" \
  "let renews = wants_cookie;"
mutate commit "Gone opens a new session" commit/machine.rs \
  "Updated::Gone => Ok(Next::Finish(Finish::gone()))," \
  "Updated::Gone => self.create_from_replay(),"
mutate commit "a purge leaves the record" commit/machine.rs \
  "        self.stage = then.unwrap_or(Stage::Idle);
        Ok(next)" \
  "        Ok(Next::Finish(Finish::stored(CookieAction::Remove, After::Nobody)))"
mutate commit "what A has goes to B" commit/build.rs \
  "anew: fold.has_left()," \
  "anew: false,"
mutate commit "a lost write is sent again" commit/machine.rs \
  "Err(error) => self.store_failed(error)," \
  "Err(error) => {
                if self.conflicts == 0 && matches!(self.stage, Stage::Update(_)) {
                    self.conflicts = 1;
                    return self.waited(Duration::ZERO);
                }
                self.store_failed(error)
            }"
mutate commit "a raised gate is passed" commit/build.rs \
  "fold.patch.check_gates(view)?;" \
  ""
mutate commit "an overtaken request gets a cookie" commit/arrival.rs \
  "loaded.record.meta().verifier != id.verifier_hash()" \
  "loaded.record.meta().verifier != id.verifier_hash() && false"

# What the core decides for the shell.
mutate model "a replaced verifier opens the record" commit/arrival.rs \
  "Some(loaded) if has_other_verifier(&id, &loaded) => Self::Superseded(id, loaded)," \
  "Some(loaded) if has_other_verifier(&id, &loaded) && false => Self::Superseded(id, loaded),"
mutate model "an absent field equals what is set" section/patch.rs \
  "None => self.view.cell(place.wire_key(), place.fades()).is_some_and(|cell| reads(&cell.json))," \
  "None => self.view.cell(place.wire_key(), place.fades()).is_none_or(|cell| reads(&cell.json)),"
mutate model "to sign out nobody ends the session" commit/fold.rs \
  "Operation::SignOut(place) if self.principal.is_none() => Operation::Set(place, Json::null())," \
  "Operation::SignOut(_) if self.principal.is_none() => Operation::Purge,"
mutate model "what was done needs no commit" commit/ledger.rs \
  "!self.operations.is_empty() || self.failures.are_fatal() || self.owes_something()" \
  "self.failures.are_fatal() || self.owes_something()"
mutate model "no failure is final" commit/machine.rs \
  "ErrorKind::StoreUnavailable | ErrorKind::Contended | ErrorKind::Unreadable | ErrorKind::Superseded" \
  "ErrorKind::Contended"
mutate model "what was saved is forgotten by nobody" commit/ledger.rs \
  "forget(&mut self.operations, covered);" \
  ""

# Evolution, reading.
mutate evolution "an older edit does not win" schema/group.rs \
  "if edited <= newest(&slots, step.to) {" \
  "if edited <= newest(&slots, step.to) || newest(&slots, step.to).is_some() {"
mutate evolution "equal revisions: the older side wins" schema/group.rs \
  "if edited <= newest(&slots, step.to) {" \
  "if edited < newest(&slots, step.to) || edited.is_none() {"
mutate evolution "merge is never called" schema/group.rs \
  "Some(merge) if !is_cleared(&before) =>" \
  "Some(merge) if !is_cleared(&before) && false =>"
mutate evolution "merge also with nothing before" schema/group.rs \
  "Some(merge) if !is_cleared(&before) =>" \
  "Some(merge) =>"
mutate evolution "a forgotten form reads as empty" schema/group.rs \
  "self.up.ok_or(Failed::Forgotten(self.since))?;" \
  "self.up.unwrap_or(|_| Ok(vec![Json::null(), Json::null()]));"
mutate evolution "a clear of the old side goes through up" schema/group.rs \
  "if is_cleared(&old) {
            return Ok(vec![Json::null(); self.to.len()]);" \
  "if false {
            return Ok(vec![Json::null(); self.to.len()]);"
mutate evolution "an absent side counts as not cleared" schema/group.rs \
  "cells.iter().flatten().all(Json::is_null)" \
  "!cells.is_empty() && cells.iter().all(|cell| cell.as_ref().is_some_and(Json::is_null))"
mutate evolution "what resets shows its older form" section/view.rs \
  "fields.map(Field::fades).fold(Fades::default(), Fades::or);" \
  "Fades::default();"
mutate evolution "a field's own default is not used" section/convert.rs \
  "Err(_) if json.is_null() => Ok(default())," \
  ""
mutate evolution "a failed up reads as absent" section/reader.rs \
  "Err(Failed::Conversion) => Err(CellError::NotConverted { field: field.wire_key() })," \
  "Err(Failed::Conversion) => Ok(None),"
mutate evolution "what does not fit reads as its default" section/reader.rs \
  "Err(error) => Err(CellError::OfAnotherType { field: field.wire_key(), column: error.column() })," \
  "Err(_) => Ok(None),"
mutate evolution "a section that cannot be read is read on" section/reader.rs \
  "if self.failed.is_some() {" \
  "if false {"
mutate evolution "a field that cannot be read fails nothing" section/reader.rs \
  "self.failed.map_or(Ok(section), Err)" \
  "Ok(section)"
mutate evolution "a panic of up escapes" schema/values.rs \
  "catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Failed::Conversion))" \
  "run()"

# Evolution, writing.
mutate evolution "the older side is not written" schema/group.rs \
  "(cell.value, cell.written, cell.ends) = (Ok(Some(json)), true, ends);" \
  "(cell.value, cell.written, cell.ends) = (Ok(Some(json)), false, ends);"
mutate evolution "what no binary reads is not deleted" schema/group.rs \
  "delete.push(cell.key);" \
  ""
mutate evolution "a clear goes through down" schema/group.rs \
  "let old = if is_cleared(&new) {" \
  "let old = if false {"
mutate evolution "a failed down writes what it can" schema/group.rs \
  ".map_err(|_| Unwritable::NotConverted)?" \
  ".unwrap_or_default()"
mutate evolution "a group is written whole" schema/group.rs \
  "written: field.is_some() && slot.upgraded.is_some() && slot.value.is_ok()," \
  "written: field.is_some() && slot.value.is_ok(),"
mutate evolution "what is upgraded does not go along" schema/group.rs \
  "written: field.is_some() && slot.upgraded.is_some() && slot.value.is_ok()," \
  "written: false,"
mutate evolution "a form in the middle is forgotten" schema/group.rs \
  "cell.written |= cell.upgraded.is_some() && cell.value.is_ok();" \
  ""
mutate evolution "an unreadable neighbour is overwritten" schema/group.rs \
  "cell.value.clone().map_err(|_| Unwritable::Unreadable(cell.key))" \
  "Ok::<_, Unwritable>(cell.value.clone().ok().flatten())"
mutate evolution "a joint group is not guarded" section/delta.rs \
  "if cell.guarded || (cell.value.is_some() && group.is_joint()) {" \
  "if cell.guarded {"
mutate evolution "a closure guards one form only" section/delta.rs \
  "group.keys().for_each(|key| delta.guard(key));
            }
            let of_group" \
  "delta.guard(cell.place.wire_key());
            }
            let of_group"

# Evolution, storing what was upgraded.
mutate evolution "nothing is stored on save" commit/machine.rs \
  "if self.conflicts == 0 {" \
  "if false {"
mutate evolution "stored without guards" commit/build.rs \
  "change.guards.extend(upgrades.guards);" \
  ""
mutate evolution "half of what can be read is stored" schema/group.rs \
  "if slots.iter().any(|slot| slot.value.is_err()) {
            return Written::default();" \
  "if false {
            return Written::default();"
mutate evolution "forms in the middle are not stored" schema/group.rs \
  "(field.is_some() || is_read(*at))" \
  "field.is_some()"
mutate evolution "stored past a closed gate" section/delta.rs \
  "for &schema in schemas.iter().filter(|schema| view.check_gate(schema).is_ok()) {" \
  "for &schema in schemas {"
mutate evolution "stored without raising the gate" section/delta.rs \
  "if delta.writes.len() > before && !raised {" \
  "if false {"
mutate evolution "storing what was upgraded is an edit" schema/group.rs \
  "if then.upgraded.is_some() {
            self.older_revision != then.older_revision
        } else {
            self.revision != then.revision
        }" \
  "self.revision != then.revision"
mutate evolution "an edit to the same value is none" schema/group.rs \
  "if then.upgraded.is_some() {
            self.older_revision != then.older_revision
        } else {
            self.revision != then.revision
        }" \
  "then.value != self.value"

# Evolution, the gate.
mutate evolution "a closed gate is passed" section/view.rs \
  "Some(Gate::At(needed)) if needed > u64::from(schema.version()) => Err(TooNew { needed })," \
  ""
mutate evolution "a gate that is no number is passed" section/view.rs \
  "Some(Gate::Unreadable) => Err(TooNew { needed: u64::MAX })," \
  ""
mutate evolution "the gate is not raised" section/view.rs \
  "!matches!(self.gate(schema), Some(Gate::At(at)) if at >= u64::from(schema.oldest_reader()))" \
  "self.gate(schema).is_none()"
mutate evolution "the gate is lowered" section/view.rs \
  "!matches!(self.gate(schema), Some(Gate::At(at)) if at >= u64::from(schema.oldest_reader()))" \
  "!matches!(self.gate(schema), Some(Gate::At(at)) if at == u64::from(schema.oldest_reader()))"
mutate evolution "the gate is not guarded" section/delta.rs \
  "delta.guard(schema.gate());" \
  ""
mutate evolution "a gate that rose meanwhile is passed" commit/build.rs \
  "fold.patch.check_gates(view)?;" \
  ""
mutate evolution "a binary that is too old touches" commit/ledger.rs \
  "Arrival::Live(..) if self.failures.is_locked_out() => false," \
  ""

# Evolution, who is signed in.
mutate evolution "a principal of another version of the schema is an error" commit/ledger.rs \
  ".filter(|key| !disowned(key))" \
  ""
mutate evolution "a principal of another version of the schema is shown" handle/session.rs \
  "principal.filter(|principal| !self.0.shared().known.disowns(principal))" \
  "principal"
# Evolution, fields that expire.
mutate evolution "a field that expires is stored without a time" section/delta.rs \
  "delta.write(key, json.clone(), cell.place.ttl());" \
  "delta.write(key, json.clone(), None);"
mutate evolution "a field that expires has no end" section/delta.rs \
  "delta.take(view, written, schema.ttl_of(group));" \
  "delta.take(view, written, None);"
mutate evolution "an older form of a field has another end" schema/group.rs \
  "(cell.value, cell.written, cell.ends) = (Ok(Some(json)), true, ends);" \
  "(cell.value, cell.written) = (Ok(Some(json)), true);"
mutate evolution "a value without a time never expires" section/view.rs \
  "!reset && !timeless && !cell.is_expired(self.now)" \
  "!reset && !cell.is_expired(self.now)"
mutate evolution "a value that is set again keeps its time" section/patch.rs \
  "if place.fades().in_time {" \
  "if false {"
mutate evolution "an upgrade begins the time again" section/delta.rs \
  "if expires || group.fields()" \
  "if group.fields()"
exit $missed
