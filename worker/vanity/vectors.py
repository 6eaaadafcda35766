"""Vectors of machine words, traced: Python operators on a `Vec` emit LLVM vector instructions.

A function on `Vec`s runs once, while numba compiles its caller, and leaves straight-line vector code behind; so the
text of a hash or a field operation can read like its standard. LLVM lowers vectors of any width to what there is.

The only ways from a compiled loop into traced code are functions decorated with `traced`, whose arguments are `Static`
values (part of the type, known while compiling), named tuples of addresses, and integers.

Order: LLVM mostly keeps the one in which code is emitted, and a word that is computed long before it is used waits in a
register, of which there are few. So a message schedule goes between the rounds, and a plane of Keccak to its end.

Danger: a shift by the word's width or more is poison to LLVM, which may then delete the code that uses it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from llvmlite import ir
from numba import njit, types
from numba.core.imputils import lower_constant
from numba.core.pythonapi import NativeValue
from numba.extending import intrinsic, models, register_model, typeof_impl, unbox

Function = TypeVar("Function", bound=Callable[..., Any])

I1, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)


@dataclass(frozen=True, slots=True)
class Vec:
    """Lanes of unsigned words; arithmetic is modulo 2^bits. An int operand is broadcast to all lanes."""

    builder: ir.IRBuilder
    value: ir.Value

    @property
    def lanes(self) -> int:
        """Return the number of words."""
        return int(self.value.type.count)

    @property
    def bits(self) -> int:
        """Return the width of a word."""
        return int(self.value.type.element.width)

    def constant(self, word: int) -> Vec:
        """Return a vector of this shape with `word`, taken modulo 2^bits, in all lanes."""
        return constant(self.builder, self.lanes, self.bits, word)

    def _lift(self, operand: Vec | int) -> ir.Value:
        return operand.value if isinstance(operand, Vec) else self.constant(operand).value

    def __add__(self, other: Vec | int) -> Vec:
        return Vec(self.builder, self.builder.add(self.value, self._lift(other)))

    def __sub__(self, other: Vec | int) -> Vec:
        return Vec(self.builder, self.builder.sub(self.value, self._lift(other)))

    def __rsub__(self, other: int) -> Vec:
        return self.constant(other) - self

    def __mul__(self, other: Vec | int) -> Vec:
        return Vec(self.builder, self.builder.mul(self.value, self._lift(other)))

    def __mod__(self, other: Vec | int) -> Vec:
        return Vec(self.builder, self.builder.urem(self.value, self._lift(other)))

    def __and__(self, other: Vec | int) -> Vec:
        return Vec(self.builder, self.builder.and_(self.value, self._lift(other)))

    def __or__(self, other: Vec | int) -> Vec:
        return Vec(self.builder, self.builder.or_(self.value, self._lift(other)))

    def __xor__(self, other: Vec | int) -> Vec:
        return Vec(self.builder, self.builder.xor(self.value, self._lift(other)))

    def __invert__(self) -> Vec:
        return Vec(self.builder, self.builder.not_(self.value))

    def __lshift__(self, count: int) -> Vec:
        assert 0 <= count < self.bits
        return Vec(self.builder, self.builder.shl(self.value, self._lift(count)))

    def __rshift__(self, count: int) -> Vec:
        assert 0 <= count < self.bits
        return Vec(self.builder, self.builder.lshr(self.value, self._lift(count)))

    def rotate_left(self, count: int) -> Vec:
        """Return each word rotated to the left by 0 < count < bits."""
        assert 0 < count < self.bits
        return self._call("llvm.fshl", self, self.constant(count))

    def rotate_right(self, count: int) -> Vec:
        """Return each word rotated to the right by 0 < count < bits."""
        return self.rotate_left(self.bits - count)

    def swap_bytes(self) -> Vec:
        """Return each word with its bytes in reverse order."""
        return self._call("llvm.bswap")

    def shuffled(self, other: Vec, order: Sequence[int]) -> Vec:
        """Return the words of that order, in which `other`'s first word comes after the last of this vector."""
        places = ir.Constant(ir.VectorType(I32, len(order)), list(order))
        return Vec(self.builder, self.builder.shuffle_vector(self.value, other.value, places))

    def twice(self) -> Vec:
        """Return this vector twice, side by side; LLVM computes with one copy as long as both are treated alike."""
        return self.shuffled(self, [*range(self.lanes)] * 2)

    def low32(self) -> Vec:
        """Return the low halves of 64-bit words."""
        return Vec(self.builder, self.builder.trunc(self.value, ir.VectorType(I32, self.lanes)))

    def high32(self) -> Vec:
        """Return the high halves of 64-bit words."""
        return (self >> 32).low32()

    def wide(self) -> Vec:
        """Return the same numbers as 64-bit words."""
        return Vec(self.builder, self.builder.zext(self.value, ir.VectorType(I64, self.lanes)))

    def mask_up_to(self, bound: Vec) -> ir.Value:
        """Return an integer of 64 bits whose bit l tells whether lane l is at most `bound`'s."""
        each = self.builder.icmp_unsigned("<=", self.value, bound.value)
        return self.builder.zext(self.builder.bitcast(each, ir.IntType(self.lanes)), I64)

    def mask_of_bits(self, places: Vec) -> ir.Value:
        """Return an integer of 64 bits whose bit l is that bit of lane l which `places`, modulo the width, names."""
        shifts = places & self.bits - 1
        each = self.builder.trunc(self.builder.lshr(self.value, shifts.value), ir.VectorType(I1, self.lanes))
        return self.builder.zext(self.builder.bitcast(each, ir.IntType(self.lanes)), I64)

    def call(self, name: str, *others: Vec) -> Vec:
        """Return the result of an LLVM intrinsic of one vector type, named in full."""
        operands = [self.value, *(other.value for other in others)]
        function_type = ir.FunctionType(self.value.type, [operand.type for operand in operands])
        function = self.builder.module.declare_intrinsic(name, fnty=function_type)
        return Vec(self.builder, self.builder.call(function, operands))

    def _call(self, name: str, *others: Vec) -> Vec:
        return self.call(f"{name}.v{self.lanes}i{self.bits}", *others)


def constant(builder: ir.IRBuilder, lanes: int, bits: int, word: int) -> Vec:
    """Return a vector with `word`, taken modulo 2^bits, in all lanes."""
    kind = ir.VectorType(ir.IntType(bits), lanes)
    return Vec(builder, ir.Constant(kind, [word % (1 << bits)] * lanes))


def broadcast(builder: ir.IRBuilder, scalar: ir.Value, lanes: int) -> Vec:
    """Return a vector with the run-time integer `scalar` in all lanes."""
    undefined = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    first = builder.insert_element(undefined, scalar, I32(0))
    return Vec(builder, builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(I32, lanes), [0] * lanes)))


@dataclass(frozen=True, slots=True)
class Place:
    """An address in memory, in traced code. Offsets are in bytes; loads and stores need only a word's alignment."""

    builder: ir.IRBuilder
    address: ir.Value

    def at(self, index: ir.Value | int, stride: int) -> Place:
        """Return the place of item `index` of an array here, whose items are `stride` bytes apart."""
        number = I64(index) if isinstance(index, int) else index
        offset = self.builder.mul(number, I64(stride))
        return Place(self.builder, self.builder.add(self.address, offset))

    def load(self, lanes: int, bits: int, offset: int) -> Vec:
        """Return the vector at `offset`."""
        pointer = self._pointer(ir.VectorType(ir.IntType(bits), lanes), offset)
        return Vec(self.builder, self.builder.load(pointer, align=bits // 8))

    def load_broadcast(self, lanes: int, bits: int, offset: int) -> Vec:
        """Return a vector with the one word at `offset` in all lanes."""
        return broadcast(self.builder, self.builder.load(self._pointer(ir.IntType(bits), offset)), lanes)

    def load_word(self, bits: int) -> ir.Value:
        """Return the one word here as an integer of 64 bits."""
        return self.builder.zext(self.builder.load(self._pointer(ir.IntType(bits), 0)), I64)

    def load_scattered(self, indexes: Vec) -> Vec:
        """Return the words of an array here that `indexes`, words of the same width, name."""
        kind = indexes.value.type
        pointers = ir.VectorType(kind.element.as_pointer(), indexes.lanes)
        bases = broadcast(self.builder, self.address, indexes.lanes)
        offsets = Vec(self.builder, self.builder.zext(indexes.value, bases.value.type)) * (indexes.bits // 8)
        addresses = self.builder.inttoptr((bases + offsets).value, pointers)
        mask = ir.Constant(ir.VectorType(I1, indexes.lanes), [1] * indexes.lanes)
        operands = [addresses, I32(indexes.bits // 8), mask, ir.Constant(kind, ir.Undefined)]
        function_type = ir.FunctionType(kind, [pointers, I32, mask.type, kind])
        name = f"llvm.masked.gather.v{indexes.lanes}i{indexes.bits}.v{indexes.lanes}p0"
        function = self.builder.module.declare_intrinsic(name, fnty=function_type)
        return Vec(self.builder, self.builder.call(function, operands))

    def store(self, vector: Vec, offset: int) -> None:
        """Write `vector` at `offset`."""
        self.builder.store(vector.value, self._pointer(vector.value.type, offset), align=vector.bits // 8)

    def _pointer(self, kind: ir.Type, offset: int) -> ir.Value:
        return self.builder.inttoptr(self.builder.add(self.address, I64(offset)), kind.as_pointer())


class Static:
    """The base of values that reach traced code as part of a type: equal values share one compiled kernel.

    A subclass is a frozen dataclass, can be pickled, and its `repr` says all of it: numba's disk cache keeps it.
    """


class StaticType(types.Opaque):
    """numba's type of a `Static` value."""

    def __init__(self, value: Static) -> None:
        self.static = value
        super().__init__(name=repr(value))


register_model(StaticType)(models.OpaqueModel)


@typeof_impl.register(Static)
def _typeof_static(value: Static, _context: object) -> StaticType:
    return StaticType(value)


@unbox(StaticType)  # type: ignore[no-untyped-call,untyped-decorator]  # numba's hints are partial
def _unbox_static(_kind: StaticType, _value: object, context: Any) -> NativeValue:
    return NativeValue(context.context.get_dummy_value())  # type: ignore[no-untyped-call]  # as above


@lower_constant(StaticType)  # type: ignore[no-untyped-call,untyped-decorator]  # as above
def _lower_static(context: Any, _builder: ir.IRBuilder, _kind: StaticType, _value: object) -> Any:
    """Let a compiled loop name a `Static` value of its module."""
    return context.get_dummy_value()


def compiled(function: Function) -> Function:
    """Compile a loop with numba, without the interpreter's lock, kept in the disk cache."""
    return cast("Function", njit(nogil=True, cache=True)(function))


def inlined(function: Function) -> Function:
    """Make a loop part of the compiled loops that call it, so that it is not compiled a second time for itself."""
    return cast("Function", njit(inline="always")(function))


def traced(*, returns: types.Type = types.void) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a Python function that emits vector code callable from compiled loops.

    The function receives what its caller passes: a `Static` as itself, a named tuple of addresses as the same tuple of
    `Place`s, an integer as an LLVM value of 64 bits. It returns None, or an LLVM value of the type `returns`.
    """

    def decorate(emit: Callable[..., Any]) -> Callable[..., Any]:
        def typer(_typing: object, *kinds: types.Type) -> tuple[Any, Callable[..., Any]]:
            def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> Any:
                result = emit(*(_argument(builder, *pair) for pair in zip(signature.args, values, strict=True)))
                return context.get_dummy_value() if result is None else result

            return returns(*(types.uint64 if isinstance(kind, types.Integer) else kind for kind in kinds)), generate

        parameters = [inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
        parameters += inspect.signature(emit).parameters.values()
        typer.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # numba counts these
        typer.__name__ = emit.__name__
        return cast("Callable[..., Any]", intrinsic(typer))

    return decorate


def _argument(builder: ir.IRBuilder, kind: types.Type, value: ir.Value) -> Any:
    if isinstance(kind, StaticType):
        return kind.static
    if isinstance(kind, types.NamedUniTuple):
        addresses = (builder.extract_value(value, position) for position in range(len(kind)))
        return kind.instance_class(*(Place(builder, address) for address in addresses))
    return value
