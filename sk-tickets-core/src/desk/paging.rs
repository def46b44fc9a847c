use std::future::Future;

use serde::Serialize;

use super::{Desk, Error};
use crate::{
    model::{
        event::FeedPosition,
        page::{Order, Page, PageRequest},
    },
    platform::{
        cursor::{CursorError, CursorScope},
        id::{Id, IdKind},
    },
    store::PageSpec,
};

/// What a list is ordered by: an immutable key, written into cursors as bytes.
pub(super) trait PageKey: Copy {
    fn to_vec(self) -> Vec<u8>;
    fn from_slice(bytes: &[u8]) -> Option<Self>;
}

impl<K: IdKind> PageKey for Id<K> {
    fn to_vec(self) -> Vec<u8> {
        self.to_bytes().to_vec()
    }

    fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_bytes)
    }
}

impl PageKey for u64 {
    fn to_vec(self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

impl PageKey for FeedPosition {
    fn to_vec(self) -> Vec<u8> {
        self.0.to_vec()
    }

    fn from_slice(bytes: &[u8]) -> Option<Self> {
        u64::from_slice(bytes).map(Self)
    }
}

/// A list: its name, what filters it, how it is ordered, what orders its rows.
pub(super) struct List<'a, F, T, K> {
    pub(super) name: String,
    pub(super) filter: &'a F,
    pub(super) order: Order,
    pub(super) key: fn(&T) -> K,
}

/// The page of a list that is so short that it is read as a whole.
pub(super) fn page_of<T, K: Ord>(mut rows: Vec<T>, page: &PageSpec<K>, key: fn(&T) -> K) -> Vec<T> {
    let PageSpec { after, order, limit } = page;
    rows.sort_by_key(key);
    match order {
        Order::Asc => rows.retain(|row| after.as_ref().is_none_or(|after| key(row) > *after)),
        Order::Desc => {
            rows.reverse();
            rows.retain(|row| after.as_ref().is_none_or(|after| key(row) < *after));
        }
    }
    rows.truncate(*limit);
    rows
}

impl Desk {
    /// A page of a list that `fetch` reads. It is asked for one row more than wanted, to know whether there are more.
    pub(super) async fn page<F, T, K, Fetch>(
        &self,
        list: List<'_, F, T, K>,
        request: &PageRequest,
        fetch: impl FnOnce(PageSpec<K>) -> Fetch,
    ) -> Result<Page<T>, Error>
    where
        F: Serialize,
        K: PageKey,
        Fetch: Future<Output = Result<Vec<T>, Error>>,
    {
        let order = request.order.unwrap_or(list.order);
        let scope = CursorScope::new(&self.realm, list.name, &(list.filter, order));
        let secret = self.inner.cursor_key().await?;
        let after = match &request.cursor {
            None => None,
            Some(cursor) => {
                let bytes = scope.decode(&secret, cursor)?;
                Some(K::from_slice(&bytes).ok_or(CursorError::Invalid)?)
            }
        };
        let mut data = fetch(PageSpec { after, order, limit: request.limit + 1 }).await?;
        let has_more = data.len() > request.limit;
        data.truncate(request.limit);
        let last = data.last().filter(|_| has_more).map(list.key);
        let next_cursor = last.map(|key| scope.encode(&secret, &key.to_vec()));
        Ok(Page { data, has_more, next_cursor })
    }

    /// The cursor that a follower of a list goes on from, although there is no more for now: after `last` or, if that
    /// page was empty, from where it began.
    pub(super) async fn follow<K: PageKey>(
        &self,
        name: &str,
        filter: &impl Serialize,
        order: Order,
        last: K,
    ) -> Result<String, Error> {
        let scope = CursorScope::new(&self.realm, name, &(filter, order));
        Ok(scope.encode(&self.inner.cursor_key().await?, &last.to_vec()))
    }
}
