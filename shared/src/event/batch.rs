//! S3 Batch Operations: the invocation of a function for tasks of a job, schema 1.0 and 2.0, and the reply.
//!
//! Source: S3 user guide, "Invoke AWS Lambda function". Schema 1.0 names the bucket by ARN; 2.0 by name, and adds the
//! job's user arguments. The reply must echo schema and invocation id and hold exactly one result for each task.

use std::collections::BTreeMap;

use serde::Serialize;

use super::notification::form_encoded_key;
use super::read::Node;
use super::{BucketName, Decoded, Envelope, EventKind, Malformed, ObjectEvent, Record};

/// One invocation for tasks of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchJob {
    /// `1.0` or `2.0`; the reply echoes it.
    pub schema: String,
    /// The reply echoes it.
    pub invocation_id: String,
    /// The job's id. Absent ids are empty: nothing is answered with it.
    pub job_id: String,
    /// What the job's owner gave along (schema 2.0). Values that are no text are left out.
    pub user_arguments: BTreeMap<String, String>,
    /// The tasks, in the order of the invocation. Never empty.
    pub tasks: Vec<BatchTask>,
}

/// One object of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchTask {
    /// The reply names the task by it.
    pub task_id: String,
    /// The object, as an event of kind [`EventKind::BATCH_TASK`].
    pub record: Result<ObjectEvent, Malformed>,
}

impl BatchJob {
    /// The reply with these results. A task that `results` leaves out counts as `missing_keys`.
    pub fn reply(&self, missing_keys: ResultCode, results: Vec<TaskResult>) -> BatchReply {
        BatchReply {
            invocation_schema_version: self.schema.clone(),
            treat_missing_keys_as: missing_keys,
            invocation_id: self.invocation_id.clone(),
            results,
        }
    }
}

/// What S3 Batch Operations expects to be answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchReply {
    /// Echo of [`BatchJob::schema`].
    pub invocation_schema_version: String,
    /// What a task without a result counts as.
    pub treat_missing_keys_as: ResultCode,
    /// Echo of [`BatchJob::invocation_id`].
    pub invocation_id: String,
    /// Exactly one for each task.
    pub results: Vec<TaskResult>,
}

/// How one task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskResult {
    /// Echo of [`BatchTask::task_id`].
    pub task_id: String,
    /// The verdict.
    pub result_code: ResultCode,
    /// For the job's completion report.
    pub result_string: String,
}

/// A task's verdict, in S3 Batch Operations' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ResultCode {
    /// Done, or nothing to do.
    Succeeded,
    /// S3 tries the task again before the job ends.
    TemporaryFailure,
    /// Recorded in the completion report as failed.
    PermanentFailure,
}

/// Reads an invocation. `Err` where it cannot be answered: what the reply must echo is missing.
pub(super) fn job(document: &Node<'_>) -> Result<BatchJob, Malformed> {
    let schema = document.need_text("invocationSchemaVersion")?;
    if !matches!(schema, "1.0" | "2.0") {
        return Err(document.need("invocationSchemaVersion")?.refuse("only schema 1.0 and 2.0 are known".into()));
    }
    let list = document.need("tasks")?;
    let tasks = list.items()?.map(|node| task(&node)).collect::<Result<Vec<_>, _>>()?;
    if tasks.is_empty() {
        return Err(list.refuse("an empty list".into()));
    }
    let job = document.field("job");
    let arguments = job.as_ref().and_then(|job| job.value().get("userArguments")?.as_object());
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    Ok(BatchJob {
        schema: schema.to_owned(),
        invocation_id: document.need_text("invocationId")?.to_owned(),
        job_id: job.as_ref().and_then(|job| text(job.value().get("id")?)).unwrap_or_default(),
        user_arguments: arguments
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), text(value)?)))
            .collect(),
        tasks,
    })
}

/// The tasks as items of a document, for those who only look.
pub(super) fn records(document: &Node<'_>, envelope: &Envelope, out: &mut Vec<Decoded>) {
    let item = |record| Decoded { envelope: envelope.clone(), record };
    match job(document) {
        Ok(job) => out.extend(job.tasks.into_iter().map(|task| item(task.record.map(Record::Object)))),
        Err(malformed) => out.push(item(Err(malformed))),
    }
}

fn task(task: &Node<'_>) -> Result<BatchTask, Malformed> {
    Ok(BatchTask { task_id: task.need_text("taskId")?.to_owned(), record: object(task) })
}

fn object(task: &Node<'_>) -> Result<ObjectEvent, Malformed> {
    let name = match task.opt_text("s3Bucket")? {
        Some(name) => name,
        None => task.opt_text("s3BucketArn")?.ok_or_else(|| task.missing("s3Bucket"))?,
    };
    Ok(ObjectEvent {
        kind: EventKind::batch_task(),
        bucket: BucketName::from_name_or_arn(name),
        region: None,
        key: form_encoded_key(task, "s3Key")?,
        other_key: None,
        version_id: task.opt_text("s3VersionId")?.map(str::to_owned),
        etag: None,
        size: None,
        sequencer: None,
        time: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reply_echoes_what_it_must() {
        let document = json!({
            "invocationSchemaVersion": "2.0", "invocationId": "YXNk",
            "job": {"id": "f3cc4f60", "userArguments": {"sizes": "128", "odd": 7}},
            "tasks": [
                {"taskId": "t1", "s3Key": "a+b.jpg", "s3VersionId": null, "s3Bucket": "photos"},
                {"taskId": "t2", "s3Key": "%FF", "s3Bucket": "photos"},
                {"taskId": "t3", "s3Key": "a"},
            ],
        });
        let job = job(&Node::root(&document)).unwrap();
        assert_eq!((job.job_id.as_str(), job.user_arguments.get("sizes").map(String::as_str)), ("f3cc4f60", Some("128")));
        assert_eq!(job.user_arguments.len(), 1);
        let outcomes = job.tasks.iter().map(|task| match &task.record {
            Ok(event) => format!("{} {}/{}", task.task_id, event.bucket, event.key),
            Err(malformed) => format!("{} {malformed}", task.task_id),
        });
        assert_eq!(
            outcomes.collect::<Vec<_>>(),
            [
                "t1 photos/a b.jpg",
                "t2 /tasks/1/s3Key: the key is not UTF-8 after percent-decoding",
                "t3 /tasks/2/s3Bucket: missing",
            ]
        );

        let codes = [ResultCode::Succeeded, ResultCode::PermanentFailure, ResultCode::TemporaryFailure];
        let result = |(task, code): (&BatchTask, ResultCode)| TaskResult {
            task_id: task.task_id.clone(),
            result_code: code,
            result_string: "why".into(),
        };
        let reply = job.reply(ResultCode::TemporaryFailure, job.tasks.iter().zip(codes).map(result).collect());
        let expected = json!({
            "invocationSchemaVersion": "2.0", "treatMissingKeysAs": "TemporaryFailure", "invocationId": "YXNk",
            "results": [
                {"taskId": "t1", "resultCode": "Succeeded", "resultString": "why"},
                {"taskId": "t2", "resultCode": "PermanentFailure", "resultString": "why"},
                {"taskId": "t3", "resultCode": "TemporaryFailure", "resultString": "why"},
            ],
        });
        assert_eq!(serde_json::to_value(&reply).unwrap(), expected);
    }
}
