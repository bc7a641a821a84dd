//! The pages of a run. A task reads ahead, as far as two pages; what it read becomes lines when it is taken, so that the
//! ledger never knows of a record that was not handed over. Dropping the stream ends the task and its calls.

use super::HubSpot;
use super::fault::Fault;
use super::forms::forms;
use super::line::{Assembly, Given};
use super::types::What;
use super::walk::Walk;
use crate::tables::{Page, Read, Shared};
use forebay_model::{Error, Result};
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Pages that are read ahead.
const AHEAD: usize = 2;

/// Where what was read goes.
#[derive(Clone)]
pub(super) struct Out(mpsc::Sender<Message>);

/// What the task tells the stream.
enum Message {
    /// The first one: what pages are made with.
    Begin(Assembly),
    Given(Box<Given>),
    /// Told once everything before it is in the ledger.
    Settle(oneshot::Sender<()>),
    Failed(Error),
    /// The last one of a run that read everything: without it the task broke off.
    Done,
}

impl Out {
    /// Hands over what was read; an error when nobody wants it any more.
    pub(super) async fn give(&self, given: Given) -> Result<(), Fault> {
        self.tell(Message::Given(Box::new(given))).await
    }

    /// Waits until what was given is in the ledger.
    pub(super) async fn settle(&self) -> Result<(), Fault> {
        let (told, waiting) = oneshot::channel();
        self.tell(Message::Settle(told)).await?;
        waiting.await.map_err(|_| unwanted())
    }

    pub(super) async fn begin(&self, assembly: Assembly) -> Result<(), Fault> {
        self.tell(Message::Begin(assembly)).await
    }

    async fn tell(&self, message: Message) -> Result<(), Fault> {
        self.0.send(message).await.map_err(|_| unwanted())
    }
}

fn unwanted() -> Fault {
    Error::internal("the pages of a run are not wanted any more").into()
}

/// Ends the task with the stream.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) fn pages(hubspot: HubSpot, read: Read) -> BoxStream<'static, Result<Page>> {
    let ledger = read.ledger.clone();
    stream_of(ledger, move |out| async move { run(hubspot, read, &out).await })
}

/// The pages that a piece of work gives. Nothing is begun before the first page is wanted.
fn stream_of<F>(ledger: Shared, work: impl FnOnce(Out) -> F + Send + 'static) -> BoxStream<'static, Result<Page>>
where
    F: Future<Output = Result<(), Fault>> + Send + 'static,
{
    let start = async move {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let out = Out(sender);
        let task = Task(tokio::spawn(async move {
            let last = match work(out.clone()).await {
                Ok(()) => Message::Done,
                Err(fault) => Message::Failed(*fault.error),
            };
            // Nobody is left to tell when this fails.
            let _ = out.tell(last).await;
        }));
        let state = Some((receiver, task, None::<Assembly>, ledger));
        stream::unfold(state, |state| async move {
            let (mut receiver, task, mut assembly, ledger) = state?;
            loop {
                match receiver.recv().await {
                    Some(Message::Begin(begun)) => assembly = Some(begun),
                    // Whoever does not wait any more has ended.
                    Some(Message::Settle(told)) => _ = told.send(()),
                    Some(Message::Done) => return None,
                    Some(Message::Failed(error)) => return Some((Err(error), None)),
                    // The end of the pages would be taken for the end of the table.
                    None => return Some((Err(Error::internal("the reading of a table broke off")), None)),
                    Some(Message::Given(given)) => {
                        let made = match &mut assembly {
                            Some(assembly) => {
                                Ok(ledger.with(|ledger| assembly.page(*given, ledger, chrono::Utc::now())))
                            }
                            None => Err(Error::internal("a page came before its run began")),
                        };
                        return Some((made, Some((receiver, task, assembly, ledger))));
                    }
                }
            }
        })
    };
    stream::once(start).flatten().boxed()
}

async fn run(hubspot: HubSpot, read: Read, out: &Out) -> Result<(), Fault> {
    hubspot.meet().await?;
    let what = hubspot.resolve(&read.rows.table).await?;
    let portal = hubspot.account.facts().portal;
    match what {
        What::Objects(mut object) => {
            let (properties, date) = hubspot.properties(&object.id).await?;
            // Without a date there is nothing to search by: every run reads everything.
            object.search &= properties.iter().any(|property| property.name == object.modified);
            let names = super::columns::names(&properties, &read.rows.columns);
            let forms = forms(&properties);
            out.begin(Assembly::new(portal, &object.id)).await?;
            let now = date.unwrap_or_else(|| chrono::Utc::now().timestamp_millis() - UNSURE);
            Walk::new(hubspot, object, (names, forms), &read, now).run(out).await
        }
        other => super::snapshot::run(hubspot, other, &read, portal, out).await,
    }
}

/// Our clock may be ahead of HubSpot's by so much, where an answer has no date (A).
const UNSURE: i64 = 300_000;

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;

    async fn read(breaks: bool) -> Result<usize> {
        let pages = stream_of(Shared::default(), move |out| async move {
            out.begin(Assembly::new(None, "x")).await?;
            out.give(Given::default()).await?;
            assert!(!breaks, "it breaks off");
            Ok(())
        });
        Ok(pages.try_collect::<Vec<_>>().await?.len())
    }

    /// Half a table is no table.
    #[tokio::test]
    async fn a_task_that_breaks_off_is_no_end() {
        assert_eq!(read(false).await.unwrap(), 1);
        assert_eq!(read(true).await.unwrap_err().kind, forebay_model::Kind::Internal);
    }
}
