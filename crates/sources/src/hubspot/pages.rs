//! The pages of a run. A task reads ahead, as far as two pages; what it read becomes lines when it is taken, so that the
//! ledger never knows of a record that was not handed over. Dropping the stream ends the task and its calls.

use super::HubSpot;
use super::fault::Fault;
use super::line::{Assembly, Given};
use super::types::What;
use super::walk::Walk;
use crate::tables::{Page, Read};
use forebay_model::{Error, Result};
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Pages that are read ahead.
const AHEAD: usize = 2;

/// Where what was read goes.
pub(super) struct Out(mpsc::Sender<Message>);

/// What the task tells the stream.
enum Message {
    /// The first one: what pages are made with.
    Begin(Assembly),
    Given(Box<Given>),
    /// Told once everything before it is in the ledger.
    Settle(oneshot::Sender<()>),
    Failed(Error),
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
    // Nothing is asked for before the first page is wanted.
    let start = async move {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let task = Task(tokio::spawn(async move {
            let out = Out(sender);
            if let Err(fault) = run(hubspot, read, &out).await {
                // Nobody is left to tell when this fails.
                let _ = out.0.send(Message::Failed(*fault.error)).await;
            }
        }));
        let state = (receiver, task, None::<Assembly>, ledger);
        stream::unfold(state, |(mut receiver, task, mut assembly, ledger)| async move {
            loop {
                match receiver.recv().await? {
                    Message::Begin(begun) => assembly = Some(begun),
                    // Whoever does not wait any more has ended.
                    Message::Settle(told) => _ = told.send(()),
                    Message::Failed(error) => return Some((Err(error), (receiver, task, assembly, ledger))),
                    Message::Given(given) => {
                        let made = match &mut assembly {
                            Some(assembly) => {
                                Ok(ledger.with(|ledger| assembly.page(*given, ledger, chrono::Utc::now())))
                            }
                            None => Err(Error::internal("a page came before its run began")),
                        };
                        return Some((made, (receiver, task, assembly, ledger)));
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
            out.begin(Assembly::new(portal, &object.id)).await?;
            let now = date.unwrap_or_else(|| chrono::Utc::now().timestamp_millis() - UNSURE);
            Walk::new(hubspot, object, names, &read, now).run(out).await
        }
        other => super::snapshot::run(hubspot, other, &read, portal, out).await,
    }
}

/// Our clock may be ahead of HubSpot's by so much, where an answer has no date (A).
const UNSURE: i64 = 300_000;
