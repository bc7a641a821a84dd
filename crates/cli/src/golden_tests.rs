//! Lists and things as people see them, over fixed answers of the API, at three widths.

use crate::output::{Colour, Column, Format, Screen};
use crate::{connections, doctor, flows, runs, tables};
use chrono::DateTime;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

fn screen(width: usize) -> Screen {
    let mut screen = Screen::new(Some(Format::Table), Colour::Never, Some(width), 0);
    screen.now = DateTime::from_timestamp_millis(1_764_000_000_000).unwrap();
    screen
}

#[track_caller]
fn list(columns: &[Column], rows: &[Value], expected: [Expect; 3]) {
    for (width, expected) in [40, 80, 200].into_iter().zip(expected) {
        expected.assert_eq(&screen(width).list_text(columns, rows).unwrap());
    }
}

fn flow() -> Value {
    json!({ "id": "f1", "name": "s3-orders", "health": "late", "state": "enabled",
        "last": [{ "status": "success", "ingested": 10 }, { "status": "failed", "ingested": 0 }, { "status": "success", "ingested": 80 }],
        "freshness": { "text": "52 min ago, due 7 min ago", "nextRunAt": 1_764_000_240_000_i64 },
        "totals": { "rowsLastRun": 6_120_004, "failedLastRun": 8 },
        "source": { "connection": { "name": "Shop" }, "what": "/in/*.csv" }, "target": { "dataset": { "name": "orders_raw" } },
        "schedule": { "text": "every 15 minutes" }, "needs": [{ "title": "Column \"vat\" appeared" }], "createdBy": "ana" })
}

fn run() -> Value {
    json!({ "id": "7f3c0000-1111", "number": 482, "flow": { "name": "s3-orders" }, "status": "failed", "startedAt": 1_763_999_280_000_i64,
        "durationMs": 98_000, "received": 10, "ingested": 0, "failed": 10, "skipped": 0, "bytes": 382_000_000,
        "error": { "code": "CONNECTOR-1001-500", "message": "AccessDenied: the key may not list the bucket" } })
}

#[test]
fn flows_at_three_widths() {
    list(
        flows::LIST,
        &[flow()],
        [
            expect![[r#"
        NAME: s3-orders
        HEALTH: ▲ late
        LAST RUNS: ▁✖█
        FRESHNESS: 52 min ago, due 7 min ago
        ROWS: 6,120,004
        FAILED: 8
        FROM → TO: Shop → orders_raw
        NEXT RUN: in 4 min
    "#]],
            expect![[r#"
                NAME       HEALTH  LAST RUNS  FRESHNESS          ROWS       FAILED  FROM → TO
                s3-orders  ▲ late  ▁✖█        52 min ago, due 7  6,120,004       8  Shop →
                                              min ago                               orders_raw
                (not shown: NEXT RUN)
            "#]],
            expect![[r#"
        NAME       HEALTH  LAST RUNS  FRESHNESS                  ROWS       FAILED  FROM → TO          NEXT RUN
        s3-orders  ▲ late  ▁✖█        52 min ago, due 7 min ago  6,120,004       8  Shop → orders_raw  in 4 min
    "#]],
        ],
    );
}

#[test]
fn runs_at_three_widths() {
    list(
        runs::LIST,
        &[run()],
        [
            expect![[r#"
                RUN: 7f3c0000
                FLOW: s3-orders
                STATUS: ✖ failed
                STARTED: 12 min ago
                INGESTED: 0
                FAILED: 10
                ERROR: AccessDenied: the key may not list the bucket
                TOOK: 1 m 38 s
                #: 482
            "#]],
            expect![[r#"
                RUN       FLOW       STATUS    STARTED     INGESTED  FAILED  ERROR
                7f3c0000  s3-orders  ✖ failed  12 min ago         0      10  AccessDenied: the
                                                                             key may not list
                                                                             the bucket
                (not shown: TOOK, #)
            "#]],
            expect![[r#"
                RUN       FLOW       STATUS    STARTED     INGESTED  FAILED  ERROR                                          TOOK      #
                7f3c0000  s3-orders  ✖ failed  12 min ago         0      10  AccessDenied: the key may not list the bucket  1 m 38 s  482
            "#]],
        ],
    );
}

#[test]
fn tables_at_three_widths() {
    let table = json!({ "name": "orders_raw", "rows": 12, "bytes": 3_400, "files": 2, "version": 91, "updatedAt": 1_763_999_280_000_i64,
        "flows": [{ "name": "s3-orders" }] });
    list(
        tables::LIST,
        &[table],
        [
            expect![[r#"
        NAME: orders_raw
        ROWS: 12
        SIZE: 3.4 kB
        FILES: 2
        VERSION: 91
        CHANGED: 12 min ago
        FILLED BY: s3-orders
    "#]],
            expect![[r#"
        NAME        ROWS  SIZE    FILES  VERSION  CHANGED     FILLED BY
        orders_raw    12  3.4 kB      2       91  12 min ago  s3-orders
    "#]],
            expect![[r#"
        NAME        ROWS  SIZE    FILES  VERSION  CHANGED     FILLED BY
        orders_raw    12  3.4 kB      2       91  12 min ago  s3-orders
    "#]],
        ],
    );
}

#[test]
fn checks_at_three_widths() {
    let checks = [
        json!({ "name": "connect", "ok": true, "millis": 12 }),
        json!({ "name": "list", "ok": false, "millis": 91, "error": { "code": "FLOW-1102-500", "message": "AccessDenied", "advice": "Grant ListBucket." } }),
    ];
    list(
        connections::CHECKS,
        &checks,
        [
            expect![[r#"
           CHECK    MS  WHY
        ✔  connect  12
        ✖  list     91  AccessDenied. Grant
                        ListBucket
    "#]],
            expect![[r#"
           CHECK    MS  WHY
        ✔  connect  12
        ✖  list     91  AccessDenied. Grant ListBucket
    "#]],
            expect![[r#"
           CHECK    MS  WHY
        ✔  connect  12
        ✖  list     91  AccessDenied. Grant ListBucket
    "#]],
        ],
    );
}

#[test]
fn findings_at_three_widths() {
    let checks = [
        json!({ "name": "clock", "level": "error", "message": "the clocks are 90 s apart", "advice": "set both by NTP" }),
        json!({ "name": "port", "level": "ok", "message": "8787 is open (1 ms)" }),
    ];
    list(
        doctor::CHECKS,
        &checks,
        [
            expect![[r#"
           CHECK  FOUND          TO DO
        ✖  clock  the clocks     set both by
                  are 90 s       NTP
                  apart
        ✔  port   8787 is open
                  (1 ms)
    "#]],
            expect![[r#"
           CHECK  FOUND                      TO DO
        ✖  clock  the clocks are 90 s apart  set both by NTP
        ✔  port   8787 is open (1 ms)
    "#]],
            expect![[r#"
           CHECK  FOUND                      TO DO
        ✖  clock  the clocks are 90 s apart  set both by NTP
        ✔  port   8787 is open (1 ms)
    "#]],
        ],
    );
}

#[test]
fn one_flow_and_one_run() {
    expect![[r#"
        name             s3-orders
        id               f1
        health           ▲ late
        state            enabled
        freshness        52 min ago, due 7 min ago
        last runs        ▁✖█
        connection       Shop
        reads            /in/*.csv
        dataset          orders_raw
        schedule         every 15 minutes
        next run         in 4 min
        rows last run    6,120,004
        failed last run  8
        needs            Column "vat" appeared
        by               ana
    "#]]
    .assert_eq(&screen(80).one_text(flows::ONE, &flow()).unwrap());
    let whole = json!({ "run": run(), "attempts": [{}, {}, {}], "attemptsMax": 20, "stages": [{ "name": "list", "state": "failed" }],
        "dataset": { "name": "orders_raw" }, "source": { "connection": { "name": "Shop" } } });
    expect![[r#"
        run         7f3c0000-1111
        flow        s3-orders
        number      482
        status      ✖ failed
        started     2025-11-24T15:48:00Z
        took        1 m 38 s
        attempts    3 of 20
        rows        10 received = 0 ingested + 10 failed + 0 skipped
        read        382 MB
        stages      list failed
        dataset     orders_raw
        connection  Shop
    "#]]
    .assert_eq(&screen(80).one_text(runs::ONE, &whole).unwrap());
}
