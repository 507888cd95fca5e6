// SPDX-License-Identifier: Apache-2.0
// Runs independent pieces of work on a few threads. Which thread runs a piece is left to chance, so
// a piece may write only what no other piece touches; then the result cannot depend on the thread
// count.
#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "train_lm/matrix.hpp"

namespace train_lm {

/// Calls body(0) ... body(count - 1), each once, on a pool that lives as long as this object.
/// errors  the first exception a body throws is thrown again here, after the running pieces ended.
class parallel_for {
 public:
  explicit parallel_for(int threads = 1) {
    for (int extra = 1; extra < threads; ++extra) pool_.emplace_back([this] { serve(); });
  }
  parallel_for(parallel_for const&) = delete;
  parallel_for& operator=(parallel_for const&) = delete;
  ~parallel_for() {
    {
      std::lock_guard lock{mutex_};
      closing_ = true;
    }
    work_arrived_.notify_all();
    for (std::thread& thread : pool_) thread.join();
  }

  int threads() const { return static_cast<int>(pool_.size()) + 1; }

  template <class Body>
  void operator()(extent count, Body const& body) const {
    if (pool_.empty() || count < 2) {
      for (extent piece = 0; piece < count; ++piece) body(piece);
      return;
    }
    job current;
    current.count = count;
    current.body = &body;
    current.call = [](void const* erased, extent piece) {
      (*static_cast<Body const*>(erased))(piece);
    };
    {
      std::lock_guard lock{mutex_};
      job_ = &current;
      ++round_;
    }
    work_arrived_.notify_all();
    current.take_pieces();
    // A thread that has not woken by now is not waited for: with the job gone it goes back to
    // sleep.
    std::unique_lock lock{mutex_};
    job_ = nullptr;
    work_ended_.wait(lock, [this] { return busy_ == 0; });
    if (current.failure) std::rethrow_exception(current.failure);
  }

 private:
  struct job {
    void take_pieces() {
      for (extent piece = next++; piece < count; piece = next++) {
        try {
          call(body, piece);
        } catch (...) {
          if (!failed.exchange(true)) failure = std::current_exception();
          next = count;
        }
      }
    }
    std::atomic<extent> next{0};
    extent count = 0;
    void const* body = nullptr;
    void (*call)(void const*, extent) = nullptr;
    std::atomic<bool> failed{false};
    std::exception_ptr failure;
  };

  void serve() {
    unsigned served_round = 0;
    std::unique_lock lock{mutex_};
    while (true) {
      work_arrived_.wait(lock,
                         [&] { return closing_ || (job_ != nullptr && round_ != served_round); });
      if (closing_) return;
      served_round = round_;
      job* const mine = job_;
      ++busy_;
      lock.unlock();
      mine->take_pieces();
      lock.lock();
      if (--busy_ == 0) work_ended_.notify_one();
    }
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable work_arrived_;
  mutable std::condition_variable work_ended_;
  mutable job* job_ = nullptr;
  mutable unsigned round_ = 0;
  int busy_ = 0;
  bool closing_ = false;
  std::vector<std::thread> pool_;
};

}  // namespace train_lm
