# SPDX-License-Identifier: Apache-2.0
"""The cases themselves: with operands turned into constants, every model in scope is still valid and ONNX Runtime
still gives the expected outputs. Runs without GFS's tools."""
import sys
import unittest

try:
    import numpy as np
    import onnx
    import onnxruntime
except ImportError as missing:
    print(f"SKIPPED: {missing}; tools/install.sh --tests installs it")
    sys.exit(77)

import cases
import expectations

DATA = cases.find_data()
if DATA is None:
    print("SKIPPED: no libonnx-testdata; tools/install.sh --tests installs it")
    sys.exit(77)

# ONNX Runtime has no recurrent layers with the batch first.
ORT_LACKS = {"node/gru_batchwise", "node/lstm_batchwise", "node/simple_rnn_batchwise"}
# ONNX 1.12's data rounds sampled positions in another way than ONNX Runtime.
ORT_DIFFERS = {"node/resize_downsample_scales_linear_align_corners"}


class Cases(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.all = cases.all_cases(DATA)
        cls.in_scope = [case for case in cls.all if not case.skipped]

    def test_names_are_unique(self):
        names = [case.name for case in self.all]
        self.assertEqual(len(names), len(set(names)))

    def test_every_folder_is_accounted_for(self):
        folders = sum(1 for suite in cases.SUITES for folder in (DATA / suite).iterdir() if (folder / "model.onnx").exists())
        self.assertEqual(folders, len({case.name.split("@")[0] for case in self.all}))

    def test_expectations_name_cases_in_scope(self):
        known = {case.name for case in self.in_scope}
        table = expectations.load()
        self.assertEqual([name for name in (*table.skip, *table.xfail) if name not in known], [])
        self.assertTrue(all(reason.strip() for reason in (*table.skip.values(), *table.xfail.values())))

    def test_every_operator_in_scope_has_no_reason_against_it(self):
        self.assertEqual(set(cases.SCOPE["operators"]) & set(cases.REASONS), set())

    def test_models_stay_right(self):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        for case in self.in_scope:
            with self.subTest(case.name):
                onnx.checker.check_model(case.model)
                if case.name in ORT_LACKS:
                    continue
                session = onnxruntime.InferenceSession(case.model.SerializeToString(), options)
                answers = session.run(list(case.outputs), case.inputs)
                for answer, expected in zip(answers, case.outputs.values()):
                    self.assertEqual(answer.shape, expected.shape)
                    if case.name not in ORT_DIFFERS:
                        np.testing.assert_allclose(answer.astype(float), expected.astype(float), 1e-3, 1e-4)


if __name__ == "__main__":
    unittest.main()
