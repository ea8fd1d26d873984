//! Listens to the spans of the program, and sends those of requests when they end.

use std::fmt;
use std::num::NonZeroU32;
use std::time::{Instant, SystemTime};

use tracing::field::Visit;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::sender::Sender;
use super::span::{Field, Request, Span, SpanId, TraceId, Work};

/// Ours, of the crates that serve requests.
const TARGETS: [&str; 2] = ["holdfast_fs", "holdfast_replicator"];
const SPANS: [&str; 3] = ["operation", "command", "apply"];
/// The line with which an operation ends.
const ANSWERED: &str = "holdfast_fs::run";

/// One of so many requests.
pub(super) fn layer<S>(sender: Sender, every: NonZeroU32) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let filter = FilterFn::new(is_wanted).with_max_level_hint(LevelFilter::DEBUG);
    Requests { sender, every }.with_filter(filter)
}

fn is_wanted(metadata: &Metadata<'_>) -> bool {
    if metadata.is_span() {
        let is_ours = TARGETS
            .iter()
            .any(|target| metadata.target().starts_with(target));
        return is_ours && SPANS.contains(&metadata.name());
    }
    metadata.target() == ANSWERED
}

struct Requests {
    sender: Sender,
    every: NonZeroU32,
}

/// A span that has not ended.
struct Open {
    begin: SystemTime,
    since: Instant,
    id: SpanId,
    /// Of a mount: what it does for the kernel.
    above: Option<SpanId>,
    request: Option<Request>,
    work: Work,
    fields: Fields,
}

#[derive(Default)]
struct Fields(Vec<(&'static str, Field)>);

impl Fields {
    fn request(&self) -> Option<Request> {
        let field = self.0.iter().find(|(name, _)| *name == "request");
        match field {
            Some((_, Field::Text(text))) => text.parse().ok(),
            Some((_, Field::Number(_))) | None => None,
        }
    }

    fn has(&self, wanted: &str) -> bool {
        self.0.iter().any(|(name, _)| *name == wanted)
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        // The words of a line are for people.
        if field.name() != "message" {
            self.0
                .push((field.name(), Field::Text(format!("{value:?}"))));
        }
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.0.push((field.name(), Field::Text(value.to_owned())));
    }

    fn record_i64(&mut self, field: &tracing::field::Field, value: i64) {
        self.0.push((field.name(), Field::Number(value.into())));
    }

    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        self.0.push((field.name(), Field::Number(value.into())));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Requests {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let request = fields.request();
        let mut open = Open {
            begin: SystemTime::now(),
            since: Instant::now(),
            id: SpanId::new(),
            above: None,
            request,
            work: match span.name() {
                "operation" => Work::Operation,
                "apply" => Work::Applying,
                // Only a node says which group it is of.
                _ if fields.has("group") => Work::Leading,
                _ => Work::Asking,
            },
            fields,
        };
        match (open.work, request) {
            (Work::Asking, Some(request)) => {
                open.id = request.asking();
                if let Some(operation) = span.parent()
                    && let Some(above) = operation.extensions_mut().get_mut::<Open>()
                {
                    // The trace of an operation is that of its first command.
                    if *above.request.get_or_insert(request) == request {
                        open.above = Some(above.id);
                    }
                }
            }
            (Work::Leading | Work::Applying, Some(request)) => open.above = Some(request.asking()),
            (_, None) | (Work::Operation, Some(_)) => {}
        }
        span.extensions_mut().insert(open);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if let Some(span) = context.event_span(event)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            event.record(&mut open.fields);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let Some(open) = span.extensions_mut().remove::<Open>() else {
            return;
        };
        let lot = open.request.map_or(open.id.lot(), Request::lot);
        if !lot.is_multiple_of(u64::from(self.every.get())) {
            return;
        }
        self.sender.send(Span {
            work: open.work,
            trace: open.request.map_or_else(TraceId::new, Request::trace),
            id: open.id,
            above: open.above,
            begin: open.begin,
            took: open.since.elapsed(),
            fields: open.fields.0,
        });
    }
}

#[cfg(test)]
mod tests;
