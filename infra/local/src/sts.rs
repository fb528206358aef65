//! Security Token Service: `GetCallerIdentity`, which tools ask before anything else.

use hyper::StatusCode;

use crate::http::Response;
use crate::query::{Xml, error_reply, ok_reply};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Answers an action; everybody here is the account's root.
pub(crate) fn answer(account: &str, action: &str) -> Response {
    if action != "GetCallerIdentity" {
        return error_reply(StatusCode::BAD_REQUEST, NAMESPACE, "InvalidAction", "this cloud answers GetCallerIdentity alone");
    }
    let mut result = Xml::default();
    result.text("Arn", &format!("arn:aws:iam::{account}:root"));
    result.text("UserId", account);
    result.text("Account", account);
    ok_reply(NAMESPACE, action, Some(result))
}
