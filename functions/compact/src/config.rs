//! The function's own variables.

use brigade::config::{Fallback, Variable};

const OUTPUT: Variable = Variable {
    name: "BRIGADE_OUTPUT",
    meaning: "place of the table; rejected lines go to the same place with _rejects behind its last segment",
    fallback: Fallback::Required,
    example: "s3://TABLES/access_logs/",
};
const FLUSH: Variable = Variable {
    name: "BRIGADE_FLUSH",
    meaning: "arrival (small parts at once), hour or day (one part when the window of the logs' delivery has closed)",
    fallback: Fallback::Value("hour"),
    example: "day",
};
/// `BRIGADE_PARTITION`.
pub const PARTITION: Variable = Variable {
    name: "BRIGADE_PARTITION",
    meaning: "day (dt=…) or hour (dt=…/hour=…) of the requests",
    fallback: Fallback::Value("day"),
    example: "hour",
};
/// `BRIGADE_FILE_SIZE`.
pub const FILE_SIZE: Variable = Variable {
    name: "BRIGADE_FILE_SIZE",
    meaning: "bytes after which a part is closed and the next one begun",
    fallback: Fallback::Value("128MB"),
    example: "256MB",
};
const RAW: Variable = Variable {
    name: "BRIGADE_RAW",
    meaning: "what becomes of the log objects: keep, tag or delete",
    fallback: Fallback::Value("keep"),
    example: "delete",
};
/// `BRIGADE_COLUMNS`.
pub const COLUMNS: Variable = Variable {
    name: "BRIGADE_COLUMNS",
    meaning: "all, or a comma list of -column (dropped) and #column (stored as a hash)",
    fallback: Fallback::Value("all"),
    example: "-hostid,#remoteip",
};

/// The function's own variables; [`brigade::config::COMMON`] ones come beside them.
pub const VARIABLES: &[Variable] = &[OUTPUT, FLUSH, PARTITION, FILE_SIZE, RAW, COLUMNS];
