"""Every difference (D) and weakness (W) of the v1 facts that concerns the REST API and notifications, by its number:
the test that shows what is done about it. A pointer that leads nowhere fails here."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUESTS = "tests/gateway/test_gateway_v1_requests.py"
CONSTRAINTS = "tests/gateway/test_gateway_v1_constraints.py"
RESPONSES = "tests/gateway/test_gateway_v1_responses.py"
RULES = "tests/gateway/test_gateway_rules.py"
ERRORS = "tests/gateway/test_gateway_errors.py"
DOCUMENTS = "tests/gateway/test_gateway_documents.py"
E2E = "tests/e2e/test_documents.py"
V1 = "tests/notify/test_notify_v1.py"
OSLO = "tests/notify/test_notify_oslo.py"
WEBHOOK = "tests/notify/test_notify_webhook.py"
RETIRE = "tests/stories/test_retire.py"
CONTROLLERS = "tests/stories/test_controllers.py"
GUESTS = "tests/engine/test_guests.py"
COURIER = "tests/notify/test_notify_courier.py"
HEARING = "tests/notify/test_notify_hearing.py"
PROJECTS = "tests/api/test_projects.py"
SESSIONS = "tests/api/test_sessions.py"
NEGOTIATE = "tests/core/test_negotiate.py"
ALARMS = "tests/openstack/test_openstack_alarms.py"
HERE = "tests/gateway/test_dialects.py"

#: Number to (file, words that stand in it: the name of a test, or of one of its cases).
FACTS = {
    "D1": (DOCUMENTS, ["D1-POST", "D1-PUT"]),
    "D2": (RULES, ["D2-slash", "D2-no-slash", "test_no_form_of_a_path_is_redirected"]),
    "D3": (RULES, ["D3-no-prefix", "test_aliases_can_be_left_out"]),
    "D4": (REQUESTS, ["D4-one-instance"]),
    "D5": (ERRORS, ["test_code_has_its_status", "test_only_a_create_can_be_one_too_many"]),
    "D6": (RESPONSES, ["test_list_has_both_keys_and_more_pages_when_there_are"]),
    "D7": (RESPONSES, ["test_get_session_has_bare_words_and_snake_case"]),
    "D8": (REQUESTS, ["D8-no-hosts", "D8-null-hosts", "D8-empty-hosts"]),
    "D9": (REQUESTS, ["D9-null-download", "D9-empty-download"]),
    "D10": (E2E, ["test_downloads_where_none_are_taken_leave_nobody_in_doubt"]),
    "D11": (REQUESTS, ["D11-types"]),
    "D12": (REQUESTS, ["D12-null-metadata-of-action"]),
    "D13": (SESSIONS, ["test_actions_run_in_the_order_of_their_names"]),
    "D14": (REQUESTS, ["D14-state", "D14-null-state"]),
    "D15": (REQUESTS, ["D15-workflow", "D15-null-workflow"]),
    "D16": (REQUESTS, ["D16-vnf", "D16-nfv"]),
    "D17": (REQUESTS, ["D17-T", "D17-blank-Z", "D17-zone", "D17-fraction"]),
    "D18": (REQUESTS, ["D18-object-for-all", "D18-word-for-all", "D18-word-under-the-plural-key"]),
    "D18 for several notices": (PROJECTS, ["test_a_reply_of_a_project_answers_all_that_it_is_for"]),
    "D19": (REQUESTS, ["D19-extras"]),
    "D20": (REQUESTS, ["D20-no-action", "D20-empty-action"]),
    "D21": (REQUESTS, ["D21-spellings"]),
    "D22": (RULES, ["test_path_leads_to_its_methods"]),
    "D23": (CONSTRAINTS, ["test_tacker_is_understood_with_a_warning_for_each_value"]),
    "D24": (CONSTRAINTS, ["test_both_delete_as_they_do"]),
    "D25": (OSLO, ["test_the_envelope"]),
    "D25 of alarms": (HEARING, ["D25-planned", "D25-scheduled"]),
    "D26": (V1, ["test_whole_project_states_are_a_url_and_allow_nothing"]),
    "D27": (OSLO, ["test_hosts_and_sessions_are_told_to_administrators"]),
    "D28": (OSLO, ["test_hosts_and_sessions_are_told_to_administrators"]),
    "D29": (V1, ["test_leaving_a_host_is_told_in_the_style_of_the_project"]),
    "D30": (V1, ["test_whole_project_states_are_a_url_and_allow_nothing"]),
    "D31": (V1, ["test_times_are_utc_and_never_later_than_they_are"]),
    "D32": (V1, ["test_whole_project_states_are_a_url_and_allow_nothing"]),
    "D33": (REQUESTS, ["D33-complete-ack", "D33-down-scale", "D33-in-scale"]),
    "D34": (OSLO, ["test_hosts_and_sessions_are_told_to_administrators"]),
    "D36": (OSLO, ["test_the_envelope"]),
    "D39": (HERE, ["test_deadlines_are_in_the_future"]),
    "D40": (HEARING, ["test_projects_with_an_alarm_or_a_webhook_count_as_listening"]),
    "D41": ("tests/test_config.py", ["test_the_usual_port_of_v1"]),
    "W1": (NEGOTIATE, ["test_a_repeated_reply_has_no_effect", "test_a_reply_to_a_past_state"]),
    "W1 by Tacker": (REQUESTS, ["test_reply_to_what_needs_none_records_nothing"]),
    "W2": ("tests/stories/test_vnf_stories.py", ["test_silence_means_go_after_the_lead_time"]),
    "W4": (OSLO, ["test_what_v1_does_not_know_can_be_left_out"]),
    "W6": ("tests/api/test_webhooks.py", ["test_metadata_that_alarms_cannot_carry_is_warned_of"]),
    "W7": ("tests/test_config.py", ["test_links_begin_with_the_public_url"]),
    "W8": (SESSIONS, ["test_only_active_sessions_count_towards_the_limit"]),
    "W10": (E2E, ["test_an_unknown_session", "test_a_deleted_session_is_unknown"]),
    "W11": (SESSIONS, ["test_sessions_are_listed_in_pages"]),
    "W12": (HEARING, ["W12-wildcard", "W12-other-type"]),
    "W13": ("tests/api/test_policy.py", ["test_only_those_named_in_the_table_get_through"]),
    "W18": (HERE, ["test_deadlines_are_in_the_future"]),
    "W20": (V1, ["test_metadata_is_text_that_both_clients_read"]),
    "W29": (NEGOTIATE, ["test_a_reply_about_one_instance_never_settles_the_notice_of_another"]),
    "W41": (V1, ["test_whatever_metadata_is_given_what_is_sent_fits_and_can_be_read"]),
    "4.8 a handler that takes minutes": (WEBHOOK, ["test_a_manager_that_is_still_at_work"]),
    "4.8 never a second SCALE_IN": (
        COURIER,
        [
            "test_a_scale_in_that_may_have_arrived_is_not_sent_again",
            "test_nor_is_one_that_a_stopping_server_was_sending",
        ],
    ),
    "D35 hosts that join and leave": (RETIRE, ["test_d35_"]),
    "D37": (CONTROLLERS, ["test_pre_post_and_controllers_are_handled"]),
    "D38 the state in both places": (GUESTS, ["test_d38_"]),
    "4.8 unknown states are harmless": (WEBHOOK, ["test_what_an_answer_means"]),
    "the whole path": (ALARMS, ["test_managers_that_know_only_alarms_and_rest"]),
}


@cache
def text(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("fact", FACTS)
def test_each_fact_has_its_test(fact: str) -> None:
    file, words = FACTS[fact]
    missing = [word for word in words if not re.search(rf"\b{re.escape(word)}", text(file))]
    assert not missing, f"{fact}: {file} has nothing of {missing}"


def test_no_difference_of_the_rest_api_or_of_events_is_forgotten() -> None:
    numbers = {int(match[1]) for fact in FACTS if (match := re.match(r"D(\d+)", fact))}
    assert numbers == set(range(1, 42))
