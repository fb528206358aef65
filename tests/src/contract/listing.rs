//! Listings of current objects.

use brigade::storage::{List, Listing};

use super::world::World;

async fn put_all(w: &World<'_>, keys: &[&str]) {
    for key in keys {
        w.put(&w.at(key), "1").await;
    }
}

fn under(prefix: &str) -> List {
    List { prefix: prefix.to_owned(), ..List::default() }
}

fn keys(page: &Listing) -> Vec<&str> {
    page.objects.iter().map(|object| object.key.as_str()).collect()
}

/// All pages of a listing.
async fn pages(w: &World<'_>, mut options: List) -> Vec<Listing> {
    let mut pages = Vec::new();
    loop {
        let page = w.list(options.clone()).await;
        let next = page.continuation.clone();
        pages.push(page);
        match next {
            Some(next) => options.continuation = Some(next),
            None => return pages,
        }
    }
}

pub(super) async fn keys_come_in_byte_order(w: &World<'_>) {
    // The last two are in the other order by UTF-16 units.
    let sorted = ["order/A", "order/B", "order/a", "order/a b", "order/a/", "order/a0", "order/é", "order/｡", "order/😀"];
    let mut shuffled = sorted;
    shuffled.reverse();
    put_all(w, &shuffled).await;
    let page = w.list(under("order/")).await;
    assert_eq!(keys(&page), sorted);
    assert_eq!(page.continuation, None);
    let first = &page.objects[0];
    assert_eq!((first.size, first.etag.as_str()), (1, "c4ca4238a0b923820dcc509a6f75849b"));
}

pub(super) async fn pages_of_two_hold_every_key_once(w: &World<'_>) {
    let sorted = ["pages/1", "pages/2", "pages/3 +", "pages/4%", "pages/5é"];
    put_all(w, &sorted).await;
    let pages = pages(w, List { max_keys: Some(2), ..under("pages/") }).await;
    assert_eq!(pages.iter().map(|page| page.objects.len()).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(pages.iter().flat_map(keys).collect::<Vec<_>>(), sorted);
}

pub(super) async fn a_delimiter_rolls_up_across_pages(w: &World<'_>) {
    put_all(w, &["roll/a", "roll/é/1", "roll/é/2", "roll/é/3", "roll/f/x/y", "roll/z", "roll/日本/1"]).await;
    for size in [1, 2, 3, 1000] {
        let options = List { delimiter: Some("/".to_owned()), max_keys: Some(size), ..under("roll/") };
        let pages = pages(w, options).await;
        let prefixes: Vec<_> = pages.iter().flat_map(|page| page.common_prefixes.clone()).collect();
        assert_eq!(pages.iter().flat_map(keys).collect::<Vec<_>>(), ["roll/a", "roll/z"], "pages of {size}");
        assert_eq!(prefixes, ["roll/f/", "roll/é/", "roll/日本/"], "pages of {size}");
    }
}

pub(super) async fn a_listing_begins_after_a_key(w: &World<'_>) {
    put_all(w, &["after/1", "after/2", "after/3"]).await;
    // One line per case: after, keys. The key itself need not exist.
    let cases: [(&str, &[&str]); 4] = [
        ("after/1", &["after/2", "after/3"]),
        ("after/15", &["after/2", "after/3"]),
        ("after/3", &[]),
        ("aaa", &["after/1", "after/2", "after/3"]),
    ];
    for (after, expected) in cases {
        let page = w.list(List { start_after: Some(after.to_owned()), ..under("after/") }).await;
        assert_eq!(keys(&page), expected, "after {after}");
    }
}

pub(super) async fn a_prefix_is_no_folder(w: &World<'_>) {
    put_all(w, &["prefix/ab", "prefix/abc", "prefix/b"]).await;
    assert_eq!(keys(&w.list(under("prefix/ab")).await), ["prefix/ab", "prefix/abc"]);
}

pub(super) async fn an_empty_listing_is_a_page(w: &World<'_>) {
    assert_eq!(w.list(under("no-such-prefix/")).await, Listing::default());
}
