//! The wire shape as the contract prints it, and the balance.

use super::*;
use crate::code;
use expect_test::{Expect, expect};

fn at(millis: i64) -> Time {
    Time::from_timestamp_millis(1_719_803_600_000 + millis).expect("in range")
}

fn copy() -> Activity {
    Activity {
        updated: at(20_000),
        span: Span {
            started: at(300),
            completed: Some(at(20_000)),
        },
        window: Some(Window {
            start: None,
            end: Some(at(0)),
        }),
        size: Size {
            input: Some(2048),
            output: Some(2048),
        },
        files: Files {
            input: 1,
            output: 1,
            ..Files::default()
        },
        status: Status::Success,
        reference: Some(Reference {
            id: "5e11".into(),
            kind: "Run".into(),
            ids: vec!["a5c1".into()],
        }),
        ..Activity::begun(COPY, at(300))
    }
}

fn promotion(records: Records) -> Activity {
    Activity {
        span: Span {
            started: at(20_100),
            completed: Some(at(41_000)),
        },
        size: Size {
            input: Some(2048),
            output: None,
        },
        records: Some(records),
        files: Files {
            input: 1,
            output: 1,
            ..Files::default()
        },
        status: Status::Success,
        errors: vec![Problem::new(
            &code::CONNECTOR_2001,
            "promotion reported errors",
        )],
        findings: vec![
            Problem::new(&code::INGEST_1212, "2 rows rejected, 38 stored"),
            Problem {
                records: Some(2),
                ..Problem::new(&code::MAPPER_3700, "mapping failed")
            },
        ],
        manifest: Manifest {
            files: Some("http://h/f".into()),
            failed: Some("http://h/r".into()),
            sample: None,
        },
        reference: Some(Reference {
            id: "6f22".into(),
            kind: "Batch".into(),
            ids: vec!["01J".into()],
        }),
        ..Activity::begun(PROMOTION, at(20_100))
    }
}

#[track_caller]
fn check(found: &Value, expected: Expect) {
    expected.assert_eq(&serde_json::to_string_pretty(found).expect("it is JSON"));
}

#[test]
fn a_run_with_rejected_rows_has_the_documented_shape() {
    let records = Records {
        input: 40,
        output: 38,
        failed: 2,
        ..Records::default()
    };
    let (copy, promotion) = (copy(), promotion(records));
    let errors = vec![Problem::new(
        &code::CONNECTOR_2001,
        "promotion reported errors",
    )];
    let span = Span {
        started: at(200),
        completed: Some(at(41_000)),
    };
    let metrics = Metrics::of(span, Status::Success, errors, Some(&copy), Some(&promotion))
        .expect("it balances");
    check(
        &body(&metrics, &[copy, promotion]),
        expect![[r#"
        {
          "state": "success",
          "metrics": {
            "durationSummary": {
              "startedAtUTC": 1719803600200,
              "completedAtUTC": 1719803641000
            },
            "sizeSummary": {
              "inputBytes": 2048,
              "outputBytes": -1
            },
            "recordSummary": {
              "inputRecordCount": 40,
              "outputRecordCount": 38,
              "failedRecordCount": 2
            },
            "fileSummary": {
              "inputFileCount": 1,
              "outputFileCount": 1,
              "activityRefs": [
                "promotionActivity"
              ]
            },
            "statusSummary": {
              "status": "success",
              "errors": [
                {
                  "code": "CONNECTOR-2001-500",
                  "message": "promotion reported errors"
                }
              ],
              "activityRefs": [
                "promotionActivity"
              ]
            }
          },
          "activities": [
            {
              "id": "copyActivity",
              "updatedAtUTC": 1719803620000,
              "durationSummary": {
                "startedAtUTC": 1719803600300,
                "completedAtUTC": 1719803620000,
                "extensions": {
                  "windowEnd": 1719803600000
                }
              },
              "sizeSummary": {
                "inputBytes": 2048,
                "outputBytes": 2048
              },
              "recordSummary": {},
              "fileSummary": {
                "inputFileCount": 1,
                "outputFileCount": 1
              },
              "statusSummary": {
                "status": "success"
              },
              "sourceInfo": [
                {
                  "id": "5e11",
                  "type": "SourceConnection",
                  "reference": {
                    "type": "Run",
                    "ids": [
                      "a5c1"
                    ]
                  }
                }
              ]
            },
            {
              "id": "promotionActivity",
              "updatedAtUTC": 1719803620100,
              "durationSummary": {
                "startedAtUTC": 1719803620100,
                "completedAtUTC": 1719803641000
              },
              "sizeSummary": {
                "inputBytes": 2048,
                "outputBytes": -1
              },
              "recordSummary": {
                "inputRecordCount": 40,
                "outputRecordCount": 38,
                "failedRecordCount": 2
              },
              "fileSummary": {
                "inputFileCount": 1,
                "outputFileCount": 1,
                "extensions": {
                  "manifest": {
                    "fileInfo": "http://h/f"
                  }
                }
              },
              "statusSummary": {
                "status": "success",
                "errors": [
                  {
                    "code": "CONNECTOR-2001-500",
                    "message": "promotion reported errors"
                  }
                ],
                "extensions": {
                  "manifest": {
                    "failedRecords": "http://h/r"
                  },
                  "errors": [
                    {
                      "code": "INGEST-1212-400",
                      "message": "2 rows rejected, 38 stored"
                    },
                    {
                      "code": "MAPPER-3700-400",
                      "recordCount": 2,
                      "message": "mapping failed"
                    }
                  ]
                }
              },
              "targetInfo": [
                {
                  "id": "6f22",
                  "type": "TargetConnection",
                  "reference": {
                    "type": "Batch",
                    "ids": [
                      "01J"
                    ]
                  }
                }
              ]
            }
          ]
        }"#]],
    );
}

#[test]
fn a_run_that_waits_has_no_activities() {
    assert_eq!(scheduled()["activities"], json!([]));
    assert_eq!(
        scheduled()["state"],
        scheduled()["metrics"]["statusSummary"]["status"]
    );
    assert_eq!(
        claimed(at(0))["state"],
        claimed(at(0))["metrics"]["statusSummary"]["status"]
    );
    let why = Problem::new(&code::FLOW_1444, "The flow was disabled.");
    assert_eq!(
        cancelled(at(0), &why)["metrics"]["statusSummary"]["errors"][0]["code"],
        "FLOW-1444-400"
    );
}

#[test]
fn records_balance_or_the_run_is_refused() {
    let balanced = Records {
        input: 10,
        output: 7,
        failed: 2,
        skipped: 1,
        warned: 7,
    };
    assert!(balanced.check().is_ok());
    for wrong in [
        Records {
            input: 11,
            ..balanced
        },
        Records {
            output: 8,
            ..balanced
        },
        Records {
            failed: u64::MAX,
            ..balanced
        },
        Records {
            warned: 8,
            ..balanced
        },
    ] {
        let error = Metrics::of(
            Span {
                started: at(0),
                completed: None,
            },
            Status::Success,
            vec![],
            None,
            Some(&promotion(wrong)),
        )
        .expect_err("unbalanced");
        assert_eq!(error.kind, crate::Kind::Internal, "{wrong:?}");
    }
    assert_eq!(balanced.failed_percent(), 20.0);
    assert_eq!(Records::default().failed_percent(), 0.0);
}

#[test]
fn a_status_is_read_in_any_case() {
    assert_eq!(Status::parse("INPROGRESS"), Some(Status::InProgress));
    assert_eq!(Status::parse("active"), None);
    assert!(Status::Failed.ended() && !Status::Scheduled.ended());
}
