// SPDX-License-Identifier: Apache-2.0
// A recipe on the device: the launches of nibble::device, over buffers that PyTorch owns.
#pragma once

#include <mutex>

#include "in_memory.hpp"
#include "nibble/device/dequantize.cuh"
#include "nibble/device/matmul.cuh"
#include "nibble/device/quantize_both.cuh"
#include "nibble/device/transpose.cuh"
#include "operand_view.hpp"

namespace nibble_torch {

/// The cuBLASLt handle of the current GPU, made when it is first asked for.
[[nodiscard]] inline nibble::cublas::handle const& library() {
  static std::mutex access;
  static std::map<int, nibble::cublas::handle> handles;
  int device = 0;
  static_cast<void>(cudaGetDevice(&device));
  std::lock_guard const lock(access);
  return handles.try_emplace(device).first->second;
}

inline void require(nibble::device::status s, char const* what) {
  if (s == nibble::device::status::success) return;
  std::string text = std::string("nibble: ") + what + ": " + to_string(s);
  if (s == nibble::device::status::launch_failed) {
    text += std::string(" (") + cudaGetErrorString(cudaGetLastError()) + ")";
  }
  throw std::runtime_error(text);
}

/// bits  operands and exact products: those of host_kernels.
template <class Recipe>
class device_kernels final : public recipe_kernels {
  template <role Role>
  using quantizer = typename in_memory<quantizer_of<Recipe, Role>>::type;

 public:
  [[nodiscard]] facts facts_of(role r) const override {
    return with_role(r, [&]<role Role>() { return facts_for<quantizer<Role>>(); });
  }
  [[nodiscard]] layout layout_of(role r, std::int64_t rows, std::int64_t columns) const override {
    return with_role(r, [&]<role Role>() { return layout_for<quantizer<Role>>(rows, columns); });
  }
  [[nodiscard]] std::int64_t making_bytes(tensor of, std::int64_t rows,
                                          std::int64_t columns) const override {
    return with_tensor(of, [&]<tensor Of>() -> std::int64_t {
      using second = operand_of<Recipe, later(Of)>;
      bool const is_again = second::from == nibble::operand_source::requantized;
      return is_again ? rows * columns * static_cast<std::int64_t>(sizeof(float)) : 0;
    });
  }

  void find_amaxes(tensor of, matrix const& in, draws const& d, float* to,
                   queue on) const override {
    with_tensor(of, [&]<tensor Of>() {
      constexpr role first = earlier(Of), second = later(Of);
      require_shared_amaxes<operand_of<Recipe, first>, operand_of<Recipe, second>>();
      if constexpr (quantizer<first>::has_one_amax && quantizer<second>::has_one_amax) {
        with_values(in, [&](auto const& values) {
          require(
              nibble::device::find_amax_both(
                  stream(on), values, view_of<quantizer<first>>(nullptr, in.rows, in.columns, to),
                  view_of<quantizer<second>>(nullptr, in.columns, in.rows, to + 1),
                  drawing<first>(d, in.rows, in.columns), drawing<second>(d, in.columns, in.rows)),
              "find_amaxes");
        });
      }
    });
  }

  void make(tensor of, matrix const& in, draws const& d, float const* amaxes, void* first_buffer,
            void* second_buffer, void* scratch, queue on) const override {
    with_tensor(of, [&]<tensor Of>() {
      constexpr role first = earlier(Of), second = later(Of);
      constexpr auto from = operand_of<Recipe, second>::from;
      if (amaxes != nullptr) {
        require_shared_amaxes<operand_of<Recipe, first>, operand_of<Recipe, second>>();
      }
      auto const out = view_of<quantizer<first>>(first_buffer, in.rows, in.columns);
      auto const q = drawing<first>(d, in.rows, in.columns);
      if (second_buffer == nullptr) {
        with_values(in, [&](auto const& values) { make_one(on, values, out, q, amaxes); });
        return;
      }
      auto const out2 = view_of<quantizer<second>>(second_buffer, in.columns, in.rows);
      auto const q2 = drawing<second>(d, in.columns, in.rows);
      with_values(in, [&](auto const& values) {
        if constexpr (from == nibble::operand_source::fresh) {
          if (amaxes == nullptr) {
            require(nibble::device::quantize_both(stream(on), values, out, out2, q, q2), "make");
          } else {
            set_amax(on, out.amax, amaxes);
            set_amax(on, out2.amax, amaxes + 1);
            require(nibble::device::quantize_both_with_amax(stream(on), values, out, out2, q, q2),
                    "make");
          }
        } else {
          make_one(on, values, out, q, amaxes);
        }
      });
      if constexpr (from != nibble::operand_source::fresh) {
        make_later(of, first_buffer, in.rows, in.columns, d, second_buffer, scratch, on);
      }
    });
  }

  void make_later(tensor of, void const* first_buffer, std::int64_t rows, std::int64_t columns,
                  draws const& d, void* second_buffer, void* scratch, queue on) const override {
    with_tensor(of, [&]<tensor Of>() {
      constexpr role first = earlier(Of), second = later(Of);
      constexpr auto from = operand_of<Recipe, second>::from;
      auto const codes = view_of<quantizer<first>>(first_buffer, rows, columns);
      auto const out = view_of<quantizer<second>>(second_buffer, columns, rows);
      if constexpr (from == nibble::operand_source::forward) {
        require(nibble::device::transpose_tiles<quantizer<second>>(stream(on), codes, out),
                "make_later");
      } else if constexpr (from == nibble::operand_source::requantized) {
        auto const back = plain_view<float>(scratch, rows, columns);
        require(
            nibble::device::dequantize(stream(on), codes, back, drawing<first>(d, rows, columns)),
            "make_later");
        require(nibble::device::quantize(stream(on), nibble::transposed(back), out,
                                         drawing<second>(d, columns, rows)),
                "make_later");
      } else {
        throw std::invalid_argument(no_later_operand);
      }
    });
  }

  [[nodiscard]] std::int64_t multiplying_bytes(layer_product p, bool is_exact, std::int64_t m,
                                               std::int64_t n, std::int64_t k,
                                               number result) const override {
    return with_product(p, [&]<layer_product Product>() {
      return with_result({nullptr, result, m, n}, [&](auto const& out) {
        return with_mode<Product>(is_exact, [&]<nibble::product Mode>() {
          using left = quantizer<left_of(Product)>;
          using right = quantizer<right_of(Product)>;
          return static_cast<std::int64_t>(nibble::device::matmul_workspace<Mode>(
              library(), counted<left>(m, k), left{}, counted<right>(n, k), right{}, out));
        });
      });
    });
  }

  void multiply(layer_product p, bool is_exact, void const* a, void const* b, std::int64_t k,
                matrix const& to, void* scratch, std::int64_t scratch_bytes,
                queue on) const override {
    with_product(p, [&]<layer_product Product>() {
      with_result(to, [&](auto const& out) {
        with_mode<Product>(is_exact, [&]<nibble::product Mode>() {
          using left = quantizer<left_of(Product)>;
          using right = quantizer<right_of(Product)>;
          nibble::device::workspace const w{scratch, static_cast<std::size_t>(scratch_bytes)};
          require(
              nibble::device::matmul<Mode>(library(), stream(on), w, view_of<left>(a, to.rows, k),
                                           left{}, view_of<right>(b, to.columns, k), right{}, out),
              "multiply");
        });
      });
    });
  }

  void decode(role r, void const* operand, draws const& d, matrix const& to,
              queue on) const override {
    with_role(r, [&]<role Role>() {
      with_result(to, [&](auto const& out) {
        require(nibble::device::dequantize(stream(on),
                                           view_of<quantizer<Role>>(operand, to.rows, to.columns),
                                           out, drawing<Role>(d, to.rows, to.columns)),
                "decode");
      });
    });
  }

 private:
  [[nodiscard]] static cuda::stream_ref stream(queue on) {
    return cuda::stream_ref(static_cast<cudaStream_t>(on));
  }

  template <class Body>
  static void with_values(matrix const& in, Body const& body) {
    if (in.kind == number::bf16) {
      body(plain_view<nibble::bf16 const>(in.data, in.rows, in.columns));
    } else {
      body(plain_view<float const>(in.data, in.rows, in.columns));
    }
  }
  template <class Body>
  static auto with_result(matrix const& to, Body const& body) {
    if (to.kind == number::bf16)
      return body(plain_view<nibble::bf16>(to.data, to.rows, to.columns));
    return body(plain_view<float>(to.data, to.rows, to.columns));
  }
  template <layer_product Product, class Body>
  static auto with_mode(bool is_exact, Body const& body) {
    using left = quantizer<left_of(Product)>;
    using right = quantizer<right_of(Product)>;
    if (is_exact) return body.template operator()<exact_mode<left, right>()>();
    return body.template operator()<nibble::product::fast>();
  }

  /// The view of a buffer whose address does not matter.
  template <class Quantizer>
  [[nodiscard]] static block_view<Quantizer> counted(std::int64_t rows, std::int64_t columns) {
    return view_of<Quantizer>(static_cast<void*>(nullptr), rows, columns);
  }

  /// A quantizer with the random numbers of its role, for a matrix of rows x columns.
  template <role Role>
  [[nodiscard]] static quantizer<Role> drawing(draws const& d, std::int64_t rows,
                                               std::int64_t columns) {
    using made = quantizer<Role>;
    constexpr bool is_later = Role >= role::dgrad_w;
    made q{};
    layer_source source{d.seed, d.streams + static_cast<int>(Role)};
    if (d.where.rows > 0) {
      auto const wide = static_cast<std::uint64_t>(is_later ? d.where.rows : d.where.columns);
      auto const row = static_cast<std::uint64_t>(is_later ? d.where.column : d.where.row);
      auto const column = static_cast<std::uint64_t>(is_later ? d.where.row : d.where.column);
      source.columns = static_cast<std::uint64_t>(nibble::shape_for<made>(rows, columns).columns);
      source.whole_columns = wide;
      source.first = row * wide + column;
    }
    if constexpr (made::rounding_type::is_stochastic) q.rounding.source = source;
    if constexpr (requires { q.correction.source; }) q.correction.source = source;
    if constexpr (requires { q.transform.source; }) {
      q.transform.source = {d.seed, d.streams + 6 + static_cast<int>(Role) / 2};
    }
    return q;
  }

  template <class Amax>
  static void set_amax(queue on, Amax const& amax, float const* from) {
    if (cudaMemcpyAsync(amax.data_handle(), from, sizeof(float), cudaMemcpyDeviceToDevice,
                        static_cast<cudaStream_t>(on)) != cudaSuccess) {
      require(nibble::device::status::launch_failed, "make");
    }
  }

  template <class In, class View, class Quantizer>
  static void make_one(queue on, In const& in, View const& out, Quantizer const& q,
                       float const* amax) {
    if (amax == nullptr) {
      require(nibble::device::quantize(stream(on), in, out, q), "make");
    } else {
      set_amax(on, out.amax, amax);
      require(nibble::device::quantize_with_amax(stream(on), in, out, q), "make");
    }
  }
};

}  // namespace nibble_torch
