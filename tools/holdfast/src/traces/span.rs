//! A span that has ended, and the message that a collector takes: the JSON of OTLP.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

/// Kinds of spans, as OTLP numbers them.
const INTERNAL: u8 = 1;
const SERVER: u8 = 2;
const CLIENT: u8 = 3;

/// The name of a request on all machines: its session and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    session: u64,
    number: u64,
}

impl FromStr for Request {
    type Err = ();

    /// As it is logged.
    fn from_str(text: &str) -> Result<Request, ()> {
        let (session, number) = text.split_once('-').ok_or(())?;
        Ok(Request {
            session: u64::from_str_radix(session, 16).map_err(|_| ())?,
            number: number.parse().map_err(|_| ())?,
        })
    }
}

impl Request {
    /// The trace of everything that is done for it.
    pub(super) fn trace(self) -> TraceId {
        TraceId((u128::from(self.session) << 64) | u128::from(self.number))
    }

    /// The span of the mount that waits for its outcome: those of the nodes are below it.
    pub(super) fn asking(self) -> SpanId {
        SpanId(mixed(self.session ^ mixed(self.number)).max(1))
    }

    /// A number that is the same on all machines, and as good as drawn.
    pub(super) fn lot(self) -> u64 {
        mixed(self.asking().0)
    }
}

/// Of all spans of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceId(u128);

/// Of one span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SpanId(u64);

impl TraceId {
    /// Of what has no request.
    pub(super) fn new() -> TraceId {
        TraceId((u128::from(SpanId::new().0) << 64) | u128::from(SpanId::new().0))
    }
}

impl SpanId {
    /// One that no other span has.
    pub(super) fn new() -> SpanId {
        static SEED: OnceLock<u64> = OnceLock::new();
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let seed = SEED.get_or_init(|| RandomState::new().build_hasher().finish());
        SpanId(mixed(seed.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))).max(1))
    }

    /// As good as drawn.
    pub(super) fn lot(self) -> u64 {
        mixed(self.0)
    }
}

/// The finalizer of `SplitMix64`: one to one, and every bit depends on all.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// The kernel asked a mount for something.
    Operation,
    /// A mount asked the cluster.
    Asking,
    /// A node led it through the quorum.
    Leading,
    /// A replica changed its state.
    Applying,
}

impl Work {
    fn kind(self) -> u8 {
        match self {
            Work::Operation | Work::Leading => SERVER,
            Work::Asking => CLIENT,
            Work::Applying => INTERNAL,
        }
    }

    fn name(self, operation: &str) -> String {
        match self {
            Work::Operation => operation.to_owned(),
            Work::Asking => "ask the cluster".to_owned(),
            Work::Leading => format!("lead {operation}"),
            Work::Applying => format!("apply {operation}"),
        }
    }
}

/// One that has ended.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) work: Work,
    pub(super) trace: TraceId,
    pub(super) id: SpanId,
    pub(super) above: Option<SpanId>,
    pub(super) begin: SystemTime,
    pub(super) took: Duration,
    pub(super) fields: Vec<(&'static str, Field)>,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    Text(String),
    Number(i128),
}

impl Span {
    fn json(&self) -> Value {
        let begin = self.begin.duration_since(SystemTime::UNIX_EPOCH);
        let begin = begin.unwrap_or_default();
        let operation = self.fields.iter().find_map(|(name, field)| match field {
            Field::Text(text) if *name == "operation" => Some(text.as_str()),
            Field::Text(_) | Field::Number(_) => None,
        });
        let attributes: Vec<Value> = self
            .fields
            .iter()
            .map(|(name, field)| attribute(&format!("holdfast.{name}"), field))
            .collect();
        let mut span = json!({
            "traceId": format!("{:032x}", self.trace.0),
            "spanId": format!("{:016x}", self.id.0),
            "name": self.work.name(operation.unwrap_or_default()),
            "kind": self.work.kind(),
            "startTimeUnixNano": begin.as_nanos().to_string(),
            "endTimeUnixNano": (begin + self.took).as_nanos().to_string(),
            "attributes": attributes,
        });
        if let Some(above) = self.above {
            span["parentSpanId"] = format!("{:016x}", above.0).into();
        }
        span
    }
}

/// 64 bits are a text in the JSON of protobuf.
fn attribute(key: &str, field: &Field) -> Value {
    match field {
        Field::Text(text) => json!({"key": key, "value": {"stringValue": text}}),
        Field::Number(number) => json!({"key": key, "value": {"intValue": number.to_string()}}),
    }
}

/// The message of all of them.
pub(super) fn message(instance: &str, spans: &[Span]) -> Vec<u8> {
    let text = |key: &str, value: &str| attribute(key, &Field::Text(value.to_owned()));
    let resource = [
        text("service.name", "holdfast"),
        text("service.version", env!("CARGO_PKG_VERSION")),
        text("service.instance.id", instance),
    ];
    let spans: Vec<Value> = spans.iter().map(Span::json).collect();
    let message = json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"scope": {"name": "holdfast"}, "spans": spans}],
    }]});
    message.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_one_trace_everywhere() {
        let request: Request = "00c0ffee00c0ffee-17".parse().unwrap();
        let trace = format!("{:032x}", request.trace().0);
        assert_eq!(trace, "00c0ffee00c0ffee0000000000000011");
        // Other versions of the program find the same.
        assert_eq!(format!("{:016x}", request.asking().0), "85291d4f225d5d5f");
        for text in ["", "17", "x-17", "00c0ffee00c0ffee-", "00c0ffee00c0ffee-x"] {
            assert_eq!(text.parse::<Request>(), Err(()), "{text}");
        }
    }

    #[test]
    fn no_two_spans_have_one_number() {
        let mut numbers: Vec<u64> = (0..10_000).map(|_| SpanId::new().0).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 10_000);
        assert!(!numbers.contains(&0));
    }

    #[test]
    fn a_message_is_what_otlp_has() {
        let request: Request = "0000000000000001-2".parse().unwrap();
        let span = Span {
            work: Work::Leading,
            trace: request.trace(),
            id: SpanId(3),
            above: Some(SpanId(4)),
            begin: SystemTime::UNIX_EPOCH + Duration::from_nanos(5),
            took: Duration::from_nanos(6),
            fields: vec![
                ("operation", Field::Text("mkdir".to_owned())),
                ("ino", Field::Number(7)),
            ],
        };
        let message: Value = serde_json::from_slice(&message("here:1", &[span])).unwrap();
        let resource = &message["resourceSpans"][0];
        let attributes = &resource["resource"]["attributes"];
        assert_eq!(attributes[0]["value"]["stringValue"], "holdfast");
        assert_eq!(attributes[2]["value"]["stringValue"], "here:1");
        let expected = json!({
            "traceId": "00000000000000010000000000000002",
            "spanId": "0000000000000003",
            "parentSpanId": "0000000000000004",
            "name": "lead mkdir",
            "kind": 2,
            "startTimeUnixNano": "5",
            "endTimeUnixNano": "11",
            "attributes": [
                {"key": "holdfast.operation", "value": {"stringValue": "mkdir"}},
                {"key": "holdfast.ino", "value": {"intValue": "7"}},
            ],
        });
        assert_eq!(resource["scopeSpans"][0]["spans"][0], expected);
    }
}
