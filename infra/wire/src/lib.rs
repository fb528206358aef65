//! Connects an existing bucket to the functions' queues, through a topic, and overwrites nobody's configuration.
//!
//! S3, SNS and SQS replace a whole document with each write: a bucket's notification configuration, the policy of a topic or
//! of a queue. So everything here is a merge of the few entries that are its own, known by their names, into whatever is
//! there at the moment: [`notification`], [`policy`] and [`plan`] are pure, values in and values out; [`apply`] reads,
//! merges, writes and reads again, through the [`ports`]. The same rules serve the command `brigade wire` and the custom
//! resource of CloudFormation ([`stack`]).

pub mod admission;
pub mod apply;
pub mod arn;
#[cfg(feature = "aws")]
pub mod aws;
pub mod notification;
mod owner;
pub mod plan;
pub mod policy;
pub mod ports;
mod probe;
pub mod stack;
pub mod subscription;

#[cfg(test)]
mod properties;
