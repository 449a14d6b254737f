import multiprocessing

from work import hot_handler, progress

if __name__ == "__main__":
    done = 0
    with multiprocessing.Pool(2) as pool:
        while True:
            done += len(pool.map(hot_handler, [0.005] * 20))
            progress(done)
