//! What can be wrong with the sketch, one fault at a time.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store::broken) enum Fault {
    None,
    /// `update` on a missing record creates it.
    Upserts,
    IgnoresGuards,
    IgnoresGeneration,
    KeepsTheOldSession,
    /// Of several cells written at once, the last one is lost.
    DropsACell,
    /// `Conflict` returns the record as it was when it was last loaded.
    StaleConflict,
    /// `Conflict` returns the record as it was before the call began.
    ConflictFromBefore,
    /// A conflict still counts as a touch.
    ConflictTouches,
    /// The record is still live in the millisecond of its end.
    LateEnd,
    /// `load` does not check the end.
    LoadsTheDead,
    /// Expired cells are dropped, and with them the revisions that guards compare.
    DropsExpiredCells,
    /// Clearing removes the cell instead of leaving `null`.
    DropsCleared,
    /// A change that leaves no time to live is stored anyway.
    KeepsWithoutTime,
    Overwrites,
    DeletesAnyone,
    NeverDeletesOnCondition,
    /// `load` reads meta, and a moment later the cells.
    TornLoad,
    /// Loads, waits a moment, then writes.
    NotAtomic,
    /// An update writes back a record that was deleted in between.
    Resurrects,
    /// JSON numbers are parsed as 64-bit floats and printed again.
    ReprintsNumbers,
    EmptyOnGarbage,
    PanicsOnGarbage,
    OverwritesGarbage,
    CannotDeleteGarbage,
    ReadsNewer,
    /// A write whose reply was lost is sent again.
    Resends,
    /// A lost reply is reported as "nothing was changed".
    LostIsUnavailable,
    /// A renewal raises the generation and leaves the old verifier in place.
    KeepsOldVerifier,
    WrongRevision,
    ListsTheEnded,
    /// `1` also finds the sessions of `11`.
    ListsByPrefix,
    NewestFirst,
    PagesByAge,
    PagesFromTheStart,
    CountsAFew,
    NoMaximum,
    /// A user who signs in again is counted once more, beside the session that signs in.
    CountsAgain,
    ExceptsNobody,
    /// The latest sign-in is not in the index yet.
    SparesTheYoungest,
    /// A page begins one selector too late.
    SkipsInScans,
    /// Every page is the first one.
    ScansForEver,
    /// A call that is dropped in the middle keeps its turn.
    WedgesWhenDropped,
    /// The cells of a change are written one after the other, and none is taken back.
    WritesInPieces,
    /// A session enters the index a moment after its record is stored.
    ListsLater,
    /// The oldest session ends before it is known whether the sign-in is made.
    EvictsFirst,
    /// The principal is compared, and a moment later the record is deleted.
    DeletesTheNextUser,
    /// A load prolongs the session.
    TouchesOnRead,
    /// Of the sessions of a user, the one that was seen least recently ends first.
    EvictsLeastRecent,
    /// `delete_all` also counts sessions that had expired.
    CountsTheDead,
    /// `shop.Cart` and `shop.cart` are one cell.
    FoldsKeys,
    /// `"A"` and `"a"` are one user.
    FoldsPrincipals,
    /// The index has the first 191 bytes of a principal.
    CutsPrincipals,
    /// A label is cut to fit its column.
    CutsLabels,
    /// Times are whole seconds.
    WholeSeconds,
    /// Limits are 64-bit floats.
    RoundsLimits,
    /// A sign-in that is refused is stored all the same.
    WritesThenRefuses,
    /// A page of no sessions is the last one.
    NothingForZero,
    /// A cell that is written again keeps its earlier end.
    KeepsCellExpiry,
    /// A session whose id was renewed is no longer listed.
    UnlistsTheRenewed,
    /// A session that its user ends leaves the index a moment before its record is deleted.
    UnlistsBeforeItDeletes,
    /// The same when all sessions of a user end.
    UnlistsBeforeItDeletesAll,
    /// The oldest session ends a moment before the sign-in is stored.
    EvictsBeforeItStores,
    /// Whose a session is, is what the first load has seen.
    ComparesAsFirstLoaded,
    /// A page with sessions that have expired is taken for the last one.
    StopsAtShortPages,
    /// A session that has expired is counted for ever.
    CountsTheExpired,
    /// A session that has expired counts for the maximum, and the oldest ends for it.
    EvictsForTheDead,
    /// A user who signs in again must find room as for a new session.
    AdmitsAgain,
    /// A sign-in ends one session at most, however many are too many.
    EvictsOne,
    /// Sessions without a user count as those of one user.
    NobodyIsAUser,
    /// A session that is refused to another user leaves the index.
    UnlistsTheRefused,
    /// Idle time is counted in 32 bits, which end after 49 days.
    LivesFewWeeks,
    /// A change that was slower than another one is a conflict, guarded or not.
    ConflictsWhenLate,
    /// `delete_all` ends every session that the user ever signed in to, whosever it is now.
    EndsTheMoved,
    /// `delete_all` lists, and a moment later deletes what it has listed.
    EndsTheMovedInARace,
    /// A sign-in that ends a session which is being updated fails, as a transaction does that locks in another order.
    Deadlocks,
    /// A touch prolongs the record and not its entry in the index.
    UnlistsTheTouched,
    /// The oldest session ends a moment before the update that signs in is stored.
    EvictsBeforeItUpdates,
    /// `delete_all` ends as many sessions as one request to the engine can.
    EndsAThousand,
    /// A list ends where one answer of the engine ends.
    ListsAThousand,
    /// Sessions that began before their user signed in are not counted.
    CountsTheCreated,
    /// A page's limit is a number of 32 bits with a sign.
    SignedLimits,
    /// Selectors are text, and their case does not count.
    FoldsSelectors,
    /// A page begins after `after` as engines compare that know only numbers with a sign.
    PagesBySign,
    /// Of many guards, only the first ones are compared.
    ComparesAHundred,
    /// Of very many cells, only the first ones are kept.
    KeepsAThousand,
    /// A wire key is cut to fit its column.
    CutsKeys,
    /// `Conflict` tells the time of another call.
    ConflictsInThePast,
    /// A handle keeps what it has loaded until it writes by itself.
    Caches,
    /// A store without records says that it is not well.
    IsIllWhenEmpty,
    /// The cursor of a scan is how many records have been seen.
    ScansByOffset,
    /// A page of a scan without a live record is taken for the last one.
    StopsAtEmptyPages,
    /// What cannot be read is swept.
    SweepsGarbage,
    /// A sweep looks at no more records than it may remove.
    SweepsTheFirst,
    /// A sweep goes by the end that a record had when it was created.
    SweepsTheTouched,
    /// A sweep of everything stops at a record that cannot be read.
    SweepStopsAtGarbage,
    /// A sweep answers how many records it looked at.
    CountsTheSpared,
    /// What a later release added to a record is not written again.
    DropsWhatIsLater,
}
