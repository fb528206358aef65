//! What a function is: its binary, its settings, and the environment that Lambda gives it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::HostError;

/// Lambda's limits for a function's memory, in MB.
const MEMORY_MB: std::ops::RangeInclusive<u32> = 128..=10_240;
/// Lambda's longest timeout.
const MAX_TIMEOUT: Duration = Duration::from_secs(900);
/// Processes of one function on one machine. Lambda's default is 1,000 per account; a laptop has no use for so many.
const MAX_CONCURRENCY: usize = 64;

/// One function: a binary that speaks the Lambda runtime API.
#[derive(Clone, Debug)]
pub struct FunctionSpec {
    /// The deployed name, e.g. `brigade-thumbnail`.
    pub name: String,
    /// The binary; made absolute when the function starts.
    pub program: PathBuf,
    /// The function's own variables. They win over what the host sets, except for the runtime API's address.
    pub environment: BTreeMap<String, String>,
    /// Told to the function (it sizes its work by it); not enforced on the process. 128 to 10,240.
    pub memory_mb: u32,
    /// An invocation that takes longer fails, and its process is killed. Real time; at most 900 s.
    pub timeout: Duration,
    /// Processes kept running, each with one invocation at a time. 1 to 64.
    pub concurrency: usize,
}

impl FunctionSpec {
    /// A function with the project's defaults: 256 MB, 60 s, one process, no variables.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        FunctionSpec {
            name: name.into(),
            program: program.into(),
            environment: BTreeMap::new(),
            memory_mb: 256,
            timeout: Duration::from_secs(60),
            concurrency: 1,
        }
    }

    /// The spec with its program's path made absolute.
    ///
    /// # Errors
    /// [`HostError::Spec`] naming the field that Lambda would refuse, or a program that isn't there.
    pub(super) fn checked(mut self) -> Result<Self, HostError> {
        let refuse =
            |field: &'static str, problem: String| Err(HostError::Spec { function: self.name.clone(), field, problem });
        let name_ok = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(name_ok) {
            return refuse("name", "1 to 64 letters, digits, hyphens or underscores".into());
        }
        if !MEMORY_MB.contains(&self.memory_mb) {
            return refuse("memory_mb", format!("{} is outside 128 to 10,240", self.memory_mb));
        }
        if self.timeout.is_zero() || self.timeout > MAX_TIMEOUT {
            return refuse("timeout", format!("{:?} is outside 1 ms to 900 s", self.timeout));
        }
        if self.concurrency == 0 || self.concurrency > MAX_CONCURRENCY {
            return refuse("concurrency", format!("{} is outside 1 to {MAX_CONCURRENCY}", self.concurrency));
        }
        match self.program.canonicalize() {
            Ok(path) if path.is_file() => self.program = path,
            Ok(path) => return refuse("program", format!("{} is not a file", path.display())),
            Err(error) => return refuse("program", format!("{}: {error}", self.program.display())),
        }
        Ok(self)
    }
}

/// What the host tells every function about the cloud around it.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    /// The local cloud's address as the functions see it, without a slash at the end: `http://127.0.0.1:4566`.
    pub(super) endpoint: String,
    pub(super) region: String,
    pub(super) account: String,
}

impl Surroundings {
    /// The function's ARN.
    pub(super) fn arn(&self, function: &str) -> String {
        format!("arn:aws:lambda:{}:{}:function:{function}", self.region, self.account)
    }
}

/// Whether a variable of the host's own environment reaches a function. Nothing that configures AWS, Lambda or this
/// project does: a developer's real account and settings stay out of the local cloud.
pub(super) fn is_inherited(variable: &str) -> bool {
    const FOREIGN: [&str; 5] = ["AWS_", "BRIGADE_", "LAMBDA_", "_X_AMZN", "_HANDLER"];
    !FOREIGN.iter().any(|prefix| variable.starts_with(prefix))
}

/// The variables that Lambda sets for a custom runtime, the endpoint and credentials of the local cloud, and the
/// function's own on top.
///
/// `sandbox` is the path segment that tells the runtime API which process is calling: `AWS_LAMBDA_RUNTIME_API` may carry
/// a path (the Rust runtime client puts it in front of every route), but then it needs its scheme too.
pub(super) fn variables(spec: &FunctionSpec, around: &Surroundings, sandbox: &str) -> BTreeMap<String, String> {
    let task_root = spec.program.parent().map(|p| p.display().to_string()).unwrap_or_default();
    let set = [
        ("AWS_LAMBDA_FUNCTION_NAME", spec.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", spec.memory_mb.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", spec.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("local/[$LATEST]{sandbox}")),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("LAMBDA_TASK_ROOT", task_root),
        ("TZ", ":UTC".to_owned()),
        ("AWS_REGION", around.region.clone()),
        ("AWS_DEFAULT_REGION", around.region.clone()),
        ("AWS_ENDPOINT_URL", around.endpoint.clone()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        // Without these two a profile in the developer's home could send a function to a real account.
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ];
    let mut all: BTreeMap<String, String> = set.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    all.extend(spec.environment.clone());
    all.insert("AWS_LAMBDA_RUNTIME_API".to_owned(), format!("{}/{}@{sandbox}", around.endpoint, spec.name));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around() -> Surroundings {
        Surroundings { endpoint: "http://127.0.0.1:4566".into(), region: "eu-central-1".into(), account: "000000000000".into() }
    }

    #[test]
    fn the_developers_aws_and_brigade_settings_stay_out() {
        for (variable, inherited) in [
            ("PATH", true),
            ("HOME", true),
            ("RUST_BACKTRACE", true),
            ("AWS_PROFILE", false),
            ("AWS_SECRET_ACCESS_KEY", false),
            ("BRIGADE_MODE", false),
            ("LAMBDA_TASK_ROOT", false),
            ("_X_AMZN_TRACE_ID", false),
        ] {
            assert_eq!(is_inherited(variable), inherited, "{variable}");
        }
    }

    #[test]
    fn a_functions_own_variables_win_but_for_the_runtime_api() {
        let mut spec = FunctionSpec::new("brigade-thumbnail", "/opt/task/brigade-thumbnail");
        spec.environment.insert("AWS_REGION".into(), "us-east-1".into());
        spec.environment.insert("AWS_LAMBDA_RUNTIME_API".into(), "elsewhere:1".into());
        let all = variables(&spec, &around(), "0-1");
        assert_eq!(all["AWS_REGION"], "us-east-1");
        assert_eq!(all["AWS_LAMBDA_RUNTIME_API"], "http://127.0.0.1:4566/brigade-thumbnail@0-1");
        assert_eq!(all["LAMBDA_TASK_ROOT"], "/opt/task");
        assert_eq!(all["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "256");
    }

    #[test]
    fn a_spec_that_lambda_would_refuse_names_its_field() {
        let good = || FunctionSpec::new("f", std::env::current_exe().expect("this test's own binary"));
        assert!(good().checked().is_ok());
        let cases: [(&str, FunctionSpec); 6] = [
            ("name", FunctionSpec { name: "a b".into(), ..good() }),
            ("memory_mb", FunctionSpec { memory_mb: 64, ..good() }),
            ("timeout", FunctionSpec { timeout: Duration::from_secs(901), ..good() }),
            ("timeout", FunctionSpec { timeout: Duration::ZERO, ..good() }),
            ("concurrency", FunctionSpec { concurrency: 0, ..good() }),
            ("program", FunctionSpec { program: "/no/such/binary".into(), ..good() }),
        ];
        for (expected, spec) in cases {
            match spec.checked() {
                Err(HostError::Spec { field, .. }) => assert_eq!(field, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
    }
}
