//! Text of a record: of its own, or a part of one that others share.
//!
//! In: text. Out: [`Text`]. Never: what the text means.

use std::{ops::Range, sync::Arc};

/// Text that is cheap to clone. The texts of a record that was read are parts of one allocation.
#[derive(Clone)]
pub(super) struct Text {
    whole: Arc<str>,
    /// The part is between these bytes of the whole, or is all of it if `end` is [`ALL`]. The narrow numbers keep this at three words.
    start: u32,
    end: u32,
}

const ALL: u32 = u32::MAX;

impl Text {
    /// The bytes `range` of `whole`; `None` if they are not text by themselves, or too far back for a part.
    pub(super) fn part(whole: &Arc<str>, range: Range<usize>) -> Option<Self> {
        whole.get(range.clone())?;
        let (start, end) = (u32::try_from(range.start).ok()?, u32::try_from(range.end).ok()?);
        (end != ALL).then(|| Self { whole: Arc::clone(whole), start, end })
    }

    /// Cheaper than to ask the text for it: it is asked of each cell that is read.
    pub(super) fn begins_with(&self, begin: &str) -> bool {
        let bytes = self.whole.as_bytes().get(self.start as usize..);
        bytes.is_some_and(|bytes| bytes.first() == begin.as_bytes().first())
            && self.as_str().starts_with(begin)
    }

    pub(super) fn as_str(&self) -> &str {
        if self.end == ALL {
            return &self.whole;
        }
        // Never `None`, since it was not when the part was made.
        self.whole.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

impl<T: Into<Arc<str>>> From<T> for Text {
    fn from(text: T) -> Self {
        Self { whole: text.into(), start: 0, end: ALL }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}
