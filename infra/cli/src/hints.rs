//! Commands of the AWS CLI that show what the functions of `brigade up` do, with the places that they were given.

use brigade::config::parse_spans;
use brigade_dedupe::{Service, Target};

use crate::stage::{LOGS, Variables, bucket_of};

/// What a newcomer does next: an upload, then a look at what came of it. Each once, without the `aws` in front.
pub(crate) fn commands<'a>(placed: impl Iterator<Item = &'a Variables>, logged: &[String]) -> Vec<String> {
    let placed: Vec<&Variables> = placed.collect();
    let sources = placed.iter().filter_map(|variables| source(variables)).chain(logged.iter().map(|it| format!("s3://{it}/")));
    let upload = sources.take(1).map(|place| format!("s3 cp cat.jpg {place}"));
    let results = placed.iter().filter_map(|variables| result(variables));
    let mut commands: Vec<String> = Vec::new();
    for command in upload.chain(results) {
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    commands
}

/// Where an upload is an event of the function's. Nobody uploads logs.
fn source(variables: &Variables) -> Option<String> {
    let spans = parse_spans(variables.get("BRIGADE_INPUT")?).ok()?;
    let span = spans.iter().find(|span| span.bucket().as_str() != LOGS)?;
    Some(format!("s3://{}/{}", span.bucket(), folder(span.prefix())))
}

/// What shows what it has done.
fn result(variables: &Variables) -> Option<String> {
    if let Some(target) = variables.get("BRIGADE_TARGET").and_then(|arn| Target::parse(arn).ok()) {
        let name = target.arn().rsplit(':').next()?;
        return Some(match target.service() {
            Service::Queue => format!(
                "sqs receive-message --queue-url $AWS_ENDPOINT_URL/{}/{name} --endpoint-url $AWS_ENDPOINT_URL",
                brigade_local::ACCOUNT
            ),
            Service::Topic => {
                format!("sns subscribe --topic-arn {} --protocol sqs --notification-endpoint ARN_OF_A_QUEUE", target.arn())
            }
        });
    }
    Some(format!("s3 ls --recursive s3://{}/", bucket_of(variables.get("BRIGADE_OUTPUT")?)?))
}

/// The prefix up to its last slash: what is beyond would become part of the file's name.
fn folder(prefix: &str) -> &str {
    prefix.rfind('/').and_then(|slash| prefix.get(..=slash)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::{CLEANUP, COMPACT, DEDUPE, Function, THUMBNAIL};
    use crate::stage;

    fn hints(functions: &[(&Function, &[(&str, &str)])], logged: &[&str]) -> Vec<String> {
        let own = |own: &[(&str, &str)]| own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let own = |pairs| -> Vec<(String, String)> { own(pairs) };
        let placed: Vec<Variables> =
            functions.iter().map(|(function, pairs)| stage::variables(function, &own(pairs))).collect();
        commands(placed.iter(), &logged.iter().map(|bucket| (*bucket).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_printed_works_with_the_places_that_were_given() {
        assert_eq!(
            hints(&[(&THUMBNAIL, &[]), (&CLEANUP, &[]), (&COMPACT, &[]), (&DEDUPE, &[])], &[]),
            [
                "s3 cp cat.jpg s3://photos/",
                "s3 ls --recursive s3://derived/",
                "s3 ls --recursive s3://tables/",
                "sqs receive-message --queue-url $AWS_ENDPOINT_URL/000000000000/photos-once.fifo --endpoint-url $AWS_ENDPOINT_URL",
            ]
        );
        let own = [("BRIGADE_INPUT", "s3://scans/in/new*.jpg"), ("BRIGADE_OUTPUT", "s3://small/t/{bucket}/{key}/{size}.{ext}")];
        assert_eq!(hints(&[(&THUMBNAIL, &own)], &[]), ["s3 cp cat.jpg s3://scans/in/", "s3 ls --recursive s3://small/"]);
        assert_eq!(hints(&[(&COMPACT, &[])], &[]), ["s3 ls --recursive s3://tables/"]);
        assert_eq!(hints(&[(&COMPACT, &[])], &["docs"]), ["s3 cp cat.jpg s3://docs/", "s3 ls --recursive s3://tables/"]);
        let topic = [("BRIGADE_TARGET", "arn:aws:sns:us-east-1:000000000000:once")];
        assert_eq!(
            hints(&[(&DEDUPE, &topic)], &[]).last().map(String::as_str),
            Some(
                "sns subscribe --topic-arn arn:aws:sns:us-east-1:000000000000:once --protocol sqs \
                 --notification-endpoint ARN_OF_A_QUEUE"
            )
        );
    }
}
