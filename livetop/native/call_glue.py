"""C functions of the interpreter that stand between an evaluation loop and what it calls, by name.

Names are those of CPython's sources (Objects/call.c, methodobject.c, descrobject.c, typeobject.c,
Python/ceval.c). The compiler adds suffixes like .cold, .part.0 or .constprop.0.
"""

from __future__ import annotations

# They pass a call on to whatever is called.
_GLUE_NAMES = """
    PyObject_Call _PyObject_Call PyObject_Vectorcall _PyObject_Vectorcall PyObject_CallObject
    _PyObject_VectorcallTstate _PyObject_Call_Prepend _PyObject_MakeTpCall PyVectorcall_Call
    _PyVectorcall_Call _PyObject_CallFunctionVa PyObject_VectorcallMethod cfunction_call
    cfunction_vectorcall_FASTCALL cfunction_vectorcall_FASTCALL_KEYWORDS
    cfunction_vectorcall_FASTCALL_KEYWORDS_METHOD cfunction_vectorcall_NOARGS cfunction_vectorcall_O
    method_vectorcall_VARARGS method_vectorcall_VARARGS_KEYWORDS method_vectorcall_FASTCALL
    method_vectorcall_FASTCALL_KEYWORDS method_vectorcall_NOARGS method_vectorcall_O
    type_call type_vectorcall method_vectorcall do_call_core object_vacall
    vectorcall_maybe vectorcall_method slot_tp_call slot_tp_init slot_tp_new
    call_function trace_call_function method_call methoddescr_call cfunction_call_varargs PyCFunction_Call
    _PyObject_FastCallDict _PyObject_FastCallKeywords _PyObject_FastCall_Prepend
    _PyCFunction_FastCallDict _PyCFunction_FastCallKeywords _PyMethodDef_RawFastCallDict
    _PyMethodDef_RawFastCallKeywords _PyMethodDescr_FastCallKeywords _PyMethodDescr_Vectorcall
    _PyCFunction_Vectorcall _PyObject_CallMethodIdObjArgs _PyObject_CallFunction_SizeT callmethod
"""

# When they are what runs, Python code is being called, or an instance of a Python class made.
_IN_PYTHON_NAMES = """
    _PyFunction_Vectorcall _PyFunction_FastCallDict function_code_fastcall _PyEval_Vector _PyEval_EvalCode
    _PyEval_EvalFrameDefault _PyEvalFramePushAndInit _PyEvalFramePushAndInit_Ex _PyEvalFrameClearAndPop
    initialize_locals clear_thread_frame clear_gen_frame _PyFrame_Clear _PyFrame_ClearExceptCode
    _PyThreadState_PushFrame _PyThreadState_PopFrame make_coro _Py_MakeCoro gen_send_ex2
    _PyEvalFrame_Push object_new object_init method_vectorcall type_call slot_tp_call slot_tp_init slot_tp_new
    vectorcall_maybe vectorcall_method
    fast_function function_call _PyFunction_FastCall _PyFunction_FastCallKeywords _PyEval_EvalCodeWithName
    PyEval_EvalCodeEx PyEval_EvalFrameEx PyFrame_New _PyFrame_New_NoTrack frame_dealloc gen_send_ex
    call_function
"""

_GLUE = frozenset(_GLUE_NAMES.split())
IN_PYTHON = frozenset(_IN_PYTHON_NAMES.split())
"""C functions that run while Python code is being called, or an instance of a Python class made."""


def is_glue(name: str) -> bool:
    """Whether a C function only passes calls on."""
    return name in _GLUE
